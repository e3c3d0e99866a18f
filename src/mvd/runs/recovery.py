"""Brings a run that was stopped, or killed at any moment, back to its last checkpoint.

What being killed can leave behind: half-written files beside their names; log lines of steps after the last checkpoint;
a last checkpoint that is the best one and is not yet kept as that. What a disk can do: damage the last checkpoint.
"""

from __future__ import annotations

import logging

from mvd.errors import CheckpointError
from mvd.files.atomic import cannot_write
from mvd.runs.checkpoints import (
    OPTIMIZER_PREFIX,
    CheckpointMeta,
    DamagedCheckpointError,
    Tensors,
    load_checkpoint,
    read_meta,
)
from mvd.runs.folder import RunFolder

_LOG = logging.getLogger(__name__)


def recover(run: RunFolder) -> CheckpointMeta | None:
    """Bring a run back to its last checkpoint, or to the one before if the last is damaged.

    Damage is logged as a warning, which Python shows on the screen unless told otherwise, and the damaged file kept as
    damaged.safetensors. Nobody else may be at work on the run (`RunFolder.locked`).

    Returns:
        What that checkpoint says of itself; None if there is none yet: the run begins at its beginning.

    Raises:
        CheckpointError: the last is damaged and there is none before it, or that is damaged too; nothing is changed.
        RunError: the folder cannot be written.
    """
    last, previous = run.checkpoint("last"), run.checkpoint("previous")
    try:
        for part in last.parent.glob("*.part"):
            part.unlink()
        if not last.exists() and previous.exists():  # killed between two renames, on a disk without hard links
            previous.replace(last)
        if not last.exists():
            run.rewind_metrics(0)
            return None
        tensors, meta = _newest(run)
    except OSError as error:
        raise cannot_write(last.parent, error, f"then go on with: mvd train --resume {run.path}") from error
    if meta.best_step == meta.step and not _is_of_step(run, meta.step):
        run.save_checkpoint("best", weights_alone(tensors), meta)
    run.rewind_metrics(meta.step)
    return meta


def weights_alone(tensors: Tensors) -> Tensors:
    """Leave out what a checkpoint holds of the optimiser."""
    return {name: values for name, values in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}


def _newest(run: RunFolder) -> tuple[Tensors, CheckpointMeta]:
    last, previous = run.checkpoint("last"), run.checkpoint("previous")
    try:
        return load_checkpoint(last)
    except DamagedCheckpointError as error:
        remedy = "put a copy in its place, or start the run again: --replace"
        if not previous.exists():
            raise CheckpointError(f"{error}; there is none before it: {remedy}") from error
        try:
            tensors, meta = load_checkpoint(previous)
        except DamagedCheckpointError as older:
            raise CheckpointError(f"{error}; the one before it is damaged too ({older}): {remedy}") from older
        last.replace(last.with_stem("damaged"))
        previous.replace(last)
        _LOG.warning("%s; going on from the one before it, of step %d", error, meta.step)
        return tensors, meta


def _is_of_step(run: RunFolder, step: int) -> bool:
    try:
        return read_meta(run.checkpoint("best")).step == step
    except CheckpointError:
        return False
