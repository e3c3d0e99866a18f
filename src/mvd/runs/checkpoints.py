"""Checkpoints: tensors and what they are, in one safetensors file that is whole or not there.

A checkpoint is written beside its name, flushed to the disk and renamed, so that a name always stands for a whole
file. It carries a checksum of all that is in it, which every reading verifies. Nothing is pickled. Tensors pass through
here as numpy arrays.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mvd.config import RunConfig, from_json, to_json
from mvd.errors import CheckpointError, ConfigError
from mvd.files.atomic import cannot_write, flush, flush_folder
from mvd.runs.card import Card, card_from_json

Tensors = Mapping[str, npt.NDArray[Any]]

OPTIMIZER_PREFIX = "optimizer/"

_CHECKSUM = "checksum"


class DamagedCheckpointError(CheckpointError):
    """A file is there and can be opened, and is not, or no longer, a whole checkpoint of ours."""


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """What a checkpoint says of itself.

    Attributes:
        step: steps taken.
        epoch: whole epochs taken.
        metrics: validation figures at that time, fractions from 0 to 1; empty without validation.
        best: the best validation mAP so far, which a later one has to beat; None before the first.
        best_step: the step of that validation; None before the first.
        unlogged: by name, what each of the steps since the last log line yielded, so that the next line is a mean over
            these too.
    """

    step: int
    epoch: int
    metrics: Mapping[str, float]
    best: float | None
    best_step: int | None = None
    unlogged: Mapping[str, list[float]] = field(default_factory=dict)


def write_checkpoint(
    file: Path,
    tensors: Tensors,
    meta: CheckpointMeta,
    *,
    config: RunConfig,
    card: Card,
    like: Path,
    remedy: str,
    previous: Path | None = None,
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        file: its name.
        tensors: by name.
        meta: what it says of itself.
        config: the run's configuration, which goes into it.
        card: the model card, which goes into it.
        like: a file whose permissions it gets.
        remedy: what to do when it cannot be written and space was freed, for the message.
        previous: the name that the checkpoint of this name gets, if there is one; None replaces it.

    Raises:
        RunError: it cannot be written; the one before is untouched.
    """
    part = file.with_suffix(".part")
    metadata = {"mvd": json.dumps(asdict(meta)), "config": to_json(config), "card": card.to_json()}
    try:
        file.parent.mkdir(exist_ok=True)
        save_file(dict(tensors), part, metadata=metadata | {_CHECKSUM: checksum(tensors, metadata)})
        shutil.copymode(like, part)
        flush(part)
        if previous is not None and file.exists():
            _keep(file, previous)
        part.replace(file)
        flush_folder(file.parent)
    except (OSError, SafetensorError) as error:
        raise cannot_write(file, error, remedy) from error
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(file: Path) -> tuple[dict[str, npt.NDArray[Any]], CheckpointMeta]:
    """Read a checkpoint, and verify its checksum; files of before there were checksums have none.

    Returns:
        Its tensors by name, those of the optimiser under "optimizer/", and what it says of itself.

    Raises:
        CheckpointError: it is missing or cannot be opened.
        DamagedCheckpointError: it is damaged, or none of ours.
    """
    if not file.is_file():
        raise CheckpointError(f"{file}: expected a checkpoint, found no such file")
    try:
        file.open("rb").close()
    except OSError as error:
        raise CheckpointError(
            f"{file}: expected a checkpoint, could not open it ({error.strerror}); allow reading it"
        ) from error
    try:
        with safe_open(file, framework="numpy") as archive:
            metadata = dict(archive.metadata() or {})
            meta = _meta(metadata["mvd"])
            tensors = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DamagedCheckpointError(f"{file}: expected a checkpoint of mvd, could not read it ({error})") from error
    written = metadata.pop(_CHECKSUM, None)
    if written is not None and written != (found := checksum(tensors, metadata)):
        raise DamagedCheckpointError(
            f"{file}: expected a checkpoint with the checksum {written}, found {found}: the file was damaged since it "
            f"was written"
        )
    return tensors, meta


def checksum(tensors: Tensors, metadata: Mapping[str, str]) -> str:
    """Compute the checksum of a file's content: names, types, shapes and values of its tensors, and its metadata.

    It is a CRC-32, which tells damage, not forgery; where the tensors lie in the file does not matter.
    """
    crc = 0
    for name in sorted(metadata):
        crc = zlib.crc32(f"{name}\0{metadata[name]}\0".encode(), crc)
    for name in sorted(tensors):
        values = np.asarray(tensors[name], order="C")
        crc = zlib.crc32(f"{name}\0{values.dtype.str}{values.shape}\0".encode(), crc)
        crc = zlib.crc32(values.data, crc)
    return f"crc32:{crc:08x}"


def read_metadata(file: Path) -> dict[str, str]:
    """Read what a safetensors file says of itself, and none of its tensors.

    Returns:
        Text by key: "mvd" (`CheckpointMeta`), "config" and "card" in checkpoints of runs; empty in a file that says
        nothing, or is of another format.
    """
    try:
        with safe_open(file, framework="numpy") as archive:
            return dict(archive.metadata() or {})
    except (OSError, SafetensorError):
        return {}


def read_meta(file: Path) -> CheckpointMeta:
    """Read what a checkpoint says of itself, and none of its tensors.

    Raises:
        CheckpointError: it is missing, damaged, or none of ours.
    """
    try:
        return _meta(read_metadata(file)["mvd"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{file}: expected a checkpoint of mvd, could not read it ({error})") from error


def read_card(file: Path) -> Card | None:
    """Read the model card of a checkpoint; None if it carries none.

    Raises:
        CheckpointError: what stands in its place is none.
    """
    text = read_metadata(file).get("card")
    return None if text is None else card_from_json(text, str(file))


def read_config(file: Path) -> RunConfig | None:
    """Read the configuration in a checkpoint; None if there is none.

    Raises:
        CheckpointError: what stands in its place is none.
    """
    text = read_metadata(file).get("config")
    try:
        return None if text is None else from_json(text, str(file))
    except ConfigError as error:
        raise CheckpointError(str(error)) from error


def check_finite(tensors: Tensors) -> str | None:
    """Name the first tensor that holds a NaN or an infinity, if any does."""
    return next((name for name, values in tensors.items() if not np.isfinite(values).all()), None)


def _keep(file: Path, previous: Path) -> None:
    """Give a file a second name in the place of whatever had it, so that it is never without one."""
    spare = previous.with_suffix(".part")
    spare.unlink(missing_ok=True)
    try:
        os.link(file, spare)
    except OSError:  # a disk without hard links: for a moment, only `previous` is there
        file.replace(previous)
        return
    spare.replace(previous)
    spare.unlink(missing_ok=True)  # renaming does nothing where both are names of one file already


def _meta(text: str) -> CheckpointMeta:
    """Read what `CheckpointMeta` was written as; a TypeError or ValueError where it is something else."""
    meta = CheckpointMeta(**json.loads(text))
    numbers = [meta.best or 0.0, *meta.metrics.values()] if isinstance(meta.metrics, dict) else [None]
    counts = [meta.step, meta.epoch, 0 if meta.best_step is None else meta.best_step]
    if any(type(count) is not int or count < 0 for count in counts):
        raise TypeError(f"step {meta.step!r} of epoch {meta.epoch!r}, best {meta.best_step!r}")
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("figures that are no numbers")
    return meta
