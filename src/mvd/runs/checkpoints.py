"""Checkpoints: tensors with their metadata in one safetensors file, written atomically and checksummed.

Every read verifies the checksum. Nothing is pickled. Tensors are numpy arrays here.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mvd.config import RunConfig, from_json, to_json
from mvd.errors import CheckpointError, ConfigError
from mvd.files.atomic import cannot_write, flush, replacing
from mvd.files.regular import require_regular
from mvd.files.strict_json import parse_json
from mvd.files.tensors import write_tensors
from mvd.runs.card import Card, card_from_json

Tensors = Mapping[str, npt.NDArray[Any]]

OPTIMIZER_PREFIX = "optimizer/"

_CHECKSUM = "checksum"


class DamagedCheckpointError(CheckpointError):
    """A file can be opened, but is not a complete checkpoint of mvd."""


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """Metadata of a checkpoint.

    Attributes:
        step: number of steps taken.
        epoch: number of complete epochs.
        metrics: validation figures at this step, fractions from 0 to 1; empty without validation.
        best: the best validation mAP so far; None before the first validation.
        best_step: the step of the best validation; None before the first validation.
        unlogged: by name, one value for each step since the last log line; the next line averages over these too.
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
    people: str,
    remedy: str,
    previous: Path | None = None,
) -> None:
    """Write a checkpoint atomically.

    Args:
        file: the file to write.
        tensors: tensors by name.
        meta: metadata of the checkpoint.
        config: configuration of the run, which is stored in the file.
        card: the model card, which is stored in the file.
        people: hash of the training data (`RunData.identity`), which is stored in the file.
        remedy: what to do after freeing space, for the error.
        previous: new name of the replaced checkpoint; None deletes it.

    Raises:
        RunError: the file cannot be written; the old checkpoint is unchanged.
    """
    metadata = {"mvd": json.dumps(asdict(meta)), "config": to_json(config), "card": card.to_json(), "people": people}
    try:
        file.parent.mkdir(exist_ok=True)
        with replacing(file) as temporary:
            write_tensors(temporary, tensors, metadata | {_CHECKSUM: checksum(tensors, metadata)})
            flush(temporary)
            if previous is not None and file.exists():
                _keep(file, previous)
    except (OSError, TypeError) as error:
        raise cannot_write(file, error, remedy) from error


def load_checkpoint(file: Path) -> tuple[dict[str, npt.NDArray[Any]], CheckpointMeta]:
    """Read a checkpoint and verify its checksum.

    Returns:
        Tensors by name, those of the optimizer under "optimizer/", and the metadata.

    Raises:
        CheckpointError: the file is missing or cannot be opened.
        DamagedCheckpointError: the file is damaged, or not a checkpoint of mvd.
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
            f"{file}: expected a checkpoint with the checksum {written}, found {found}: the file was damaged after it "
            f"was written"
        )
    return tensors, meta


def checksum(tensors: Tensors, metadata: Mapping[str, str]) -> str:
    """Compute a CRC-32 of names, types, shapes and values of the tensors, and of the metadata.

    It detects damage, not forgery. The order of the tensors in the file does not matter.
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
    """Read the metadata of a safetensors file, without its tensors.

    Returns:
        Text by key: "mvd" (`CheckpointMeta`), "config" and "card" in checkpoints of runs; empty if there are no
        metadata, or the file has another format.
    """
    try:
        require_regular(file)
        with safe_open(file, framework="numpy") as archive:
            return dict(archive.metadata() or {})
    except (OSError, SafetensorError):
        return {}


def read_meta(file: Path) -> CheckpointMeta:
    """Read the metadata of a checkpoint, without its tensors.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint of mvd.
    """
    try:
        return _meta(read_metadata(file)["mvd"])
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{file}: expected a checkpoint of mvd, could not read it ({error})") from error


def read_card(file: Path) -> Card | None:
    """Read the model card of a checkpoint; None if it has none.

    Raises:
        CheckpointError: the card is damaged.
    """
    text = read_metadata(file).get("card")
    return None if text is None else card_from_json(text, str(file))


def read_config(file: Path) -> RunConfig | None:
    """Read the configuration in a checkpoint; None if there is none.

    Raises:
        CheckpointError: the configuration is damaged.
    """
    text = read_metadata(file).get("config")
    try:
        return None if text is None else from_json(text, str(file))
    except ConfigError as error:
        raise CheckpointError(str(error)) from error


def check_finite(tensors: Tensors) -> str | None:
    """Return the name of the first tensor with a NaN or an infinity; None if all are finite."""
    return next((name for name, values in tensors.items() if not np.isfinite(values).all()), None)


def _keep(file: Path, previous: Path) -> None:
    """Hard-link a file to another name, so that one of the two names exists at any time."""
    spare = previous.with_suffix(".part")
    spare.unlink(missing_ok=True)
    try:
        os.link(file, spare)
    except OSError:  # a file system without hard links: for a moment, only `previous` exists
        file.replace(previous)
        return
    spare.replace(previous)
    spare.unlink(missing_ok=True)  # renaming does nothing if both are names of the same file


def _meta(text: str) -> CheckpointMeta:
    """Parse a `CheckpointMeta`; raise TypeError or ValueError if the text has another format."""
    meta = CheckpointMeta(**parse_json(text))
    numbers = [meta.best or 0.0, *meta.metrics.values()] if isinstance(meta.metrics, dict) else [None]
    counts = [meta.step, meta.epoch, 0 if meta.best_step is None else meta.best_step]
    if any(type(count) is not int or count < 0 for count in counts):
        raise TypeError(f"step {meta.step!r} of epoch {meta.epoch!r}, best {meta.best_step!r}")
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("figures that are no numbers")
    return meta
