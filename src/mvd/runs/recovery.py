"""Restore a run that was stopped, or killed at any moment, to its last checkpoint.

A killed process can leave temporary files, log lines of steps after the last checkpoint, and a last checkpoint that is
the best one but is not stored as such. A disk error can damage the last checkpoint.
"""

from __future__ import annotations

import logging

from mvd.errors import CheckpointError
from mvd.files.atomic import is_temporary, writing
from mvd.files.locks import remove_if_abandoned
from mvd.files.names import shell_words
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
    """Restore a run to its last checkpoint, or to the previous one if the last is damaged.

    Damage is logged as a warning, and the damaged file is kept as damaged.safetensors. The caller must hold the run's
    lock (`RunFolder.locked`).

    Returns:
        The metadata of that checkpoint; None if there is none and the run starts from step 0.

    Raises:
        CheckpointError: the last is damaged, and the previous one is missing or damaged too; nothing is changed.
        RunError: the folder cannot be written, or a checkpoint in it belongs to another run.
    """
    last, previous = run.checkpoint("last"), run.checkpoint("previous")
    with writing(last.parent, f"then continue with: mvd train --resume {shell_words(run.path)}"):
        for part in last.parent.glob("*.part"):
            part.unlink()
        for file in run.path.iterdir():
            if is_temporary(file):
                remove_if_abandoned(file)
        if not last.exists() and previous.exists():  # killed between two renames, on a file system without hard links
            previous.replace(last)
        for file in (last, previous, run.checkpoint("best")):
            if file.exists():
                run.require_own(file)
        if not last.exists():
            run.rewind(0)
            return None
        tensors, meta = _newest(run)
    if meta.best_step == meta.step and not _is_of_step(run, meta.step):
        run.save_checkpoint("best", weights_alone(tensors), meta)
    run.rewind(meta.step)
    return meta


def weights_alone(tensors: Tensors) -> Tensors:
    """Return the tensors of the network in a checkpoint, without those of the optimizer."""
    return {name: values for name, values in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}


def _newest(run: RunFolder) -> tuple[Tensors, CheckpointMeta]:
    last, previous = run.checkpoint("last"), run.checkpoint("previous")
    try:
        return load_checkpoint(last)
    except DamagedCheckpointError as error:
        remedy = "restore a copy, or start the run again: --replace"
        if not previous.exists():
            raise CheckpointError(f"{error}; there is no previous one: {remedy}") from error
        try:
            tensors, meta = load_checkpoint(previous)
        except DamagedCheckpointError as older:
            raise CheckpointError(f"{error}; the previous one is damaged too ({older}): {remedy}") from older
        last.replace(last.with_stem("damaged"))
        previous.replace(last)
        _LOG.warning("%s; continuing from the previous one, of step %d", error, meta.step)
        return tensors, meta


def _is_of_step(run: RunFolder, step: int) -> bool:
    try:
        return read_meta(run.checkpoint("best")).step == step
    except CheckpointError:
        return False
