"""Projections and calibrations, saved next to the weights that they belong to."""

from __future__ import annotations

from pathlib import Path

from mvd.files.atomic import write_atomically, writing
from mvd.inference.onnx_metadata import update_metadata
from mvd.metrics.calibration import Calibration
from mvd.metrics.projection import Projection
from mvd.runs.beside import (
    CALIBRATION,
    PROJECTION,
    KeptProjection,
    file_beside,
    read_calibration,
    read_projection,
    write_projection,
)
from mvd.weights.formats.files import is_onnx

_KEY = "calibration"  # key in the metadata of an ONNX file


def kept_projection(file: Path, weights: str) -> Projection | None:
    """Read the projection saved next to a checkpoint; None if there is none for these weights.

    Raises:
        CheckpointError: the file is damaged.
    """
    found = read_projection(file)
    if found is None or found.weights != weights:
        return None
    return Projection(mean=found.tensors["mean"], matrix=found.tensors["matrix"], kept=found.kept)


def keep_projection(file: Path, weights: str, projection: Projection) -> None:
    """Save a projection next to a checkpoint.

    Raises:
        RunError: the file cannot be written.
    """
    tensors = {"mean": projection.mean, "matrix": projection.matrix}
    write_projection(file, KeptProjection(weights=weights, tensors=tensors, kept=projection.kept))


def kept_calibration(file: Path, fingerprint: str) -> Calibration | None:
    """Read the calibration saved next to a checkpoint; None if there is none for this model.

    Raises:
        CheckpointError: the file is damaged.
    """
    return Calibration.of(read_calibration(file), fingerprint, str(file_beside(file, CALIBRATION)))


def keep_calibration(file: Path, calibration: Calibration) -> None:
    """Save a calibration with its model: in the metadata of an ONNX file, or next to a checkpoint.

    Raises:
        CheckpointError: the ONNX file is damaged.
        RunError: the file cannot be written.
    """
    with writing(file):
        if is_onnx(file):
            update_metadata(file, {_KEY: calibration.to_json()})
        else:
            write_atomically(file_beside(file, CALIBRATION), calibration.to_json() + "\n")


def forget_projection(file: Path) -> None:
    """Delete the projection saved next to a checkpoint, if there is one."""
    file_beside(file, PROJECTION).unlink(missing_ok=True)
