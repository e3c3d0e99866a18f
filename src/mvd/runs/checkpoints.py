"""Checkpoints: tensors and what they are, in one safetensors file that is whole or not there.

A checkpoint is written beside its name, flushed to the disk and renamed, so that a name always stands for a whole
file. Nothing is pickled. Tensors pass through here as numpy arrays.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mvd.config import RunConfig, from_json, to_json
from mvd.errors import CheckpointError, ConfigError, RunError
from mvd.runs.card import Card, card_from_json

Tensors = Mapping[str, npt.NDArray[Any]]

OPTIMIZER_PREFIX = "optimizer/"


@dataclass(frozen=True, kw_only=True)
class CheckpointMeta:
    """What a checkpoint says of itself.

    Attributes:
        step: steps taken.
        epoch: whole epochs taken.
        metrics: validation figures at that time, fractions from 0 to 1; empty without validation.
        best: the best validation mAP so far, which a later one has to beat; None before the first.
    """

    step: int
    epoch: int
    metrics: dict[str, float]
    best: float | None


def write_checkpoint(
    file: Path, tensors: Tensors, meta: CheckpointMeta, *, config: RunConfig, card: Card, like: Path, remedy: str
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        file: its name.
        tensors: by name.
        meta: what it says of itself.
        config: the run's configuration, which goes into it.
        card: the model card, which goes into it.
        like: a file whose permissions it gets.
        remedy: what to do when it cannot be written, for the message.

    Raises:
        RunError: it cannot be written; the one before is untouched.
    """
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(exist_ok=True)
        metadata = {"mvd": json.dumps(asdict(meta)), "config": to_json(config), "card": card.to_json()}
        save_file(dict(tensors), part, metadata=metadata)
        shutil.copymode(like, part)
        _flush(part)
        part.replace(file)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise RunError(f"{file}: expected to write a checkpoint, could not ({error}); {remedy}") from error


def load_checkpoint(file: Path) -> tuple[dict[str, npt.NDArray[Any]], CheckpointMeta]:
    """Read a checkpoint.

    Returns:
        Its tensors by name, those of the optimiser under "optimizer/", and what it says of itself.

    Raises:
        CheckpointError: it is missing, damaged, or none of ours.
    """
    if not file.is_file():
        raise CheckpointError(f"{file}: expected a checkpoint, found no such file")
    try:
        with safe_open(file, framework="numpy") as archive:
            meta = _meta((archive.metadata() or {})["mvd"])
            return {name: archive.get_tensor(name) for name in archive.keys()}, meta  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{file}: expected a checkpoint of mvd, could not read it ({error})") from error


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


def _meta(text: str) -> CheckpointMeta:
    """Read what `CheckpointMeta` was written as; a TypeError or ValueError where it is something else."""
    meta = CheckpointMeta(**json.loads(text))
    numbers = [meta.best or 0.0, *meta.metrics.values()] if isinstance(meta.metrics, dict) else [None]
    if type(meta.step) is not int or type(meta.epoch) is not int or min(meta.step, meta.epoch) < 0:
        raise TypeError(f"step {meta.step!r} of epoch {meta.epoch!r}")
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("figures that are no numbers")
    return meta


def _flush(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
