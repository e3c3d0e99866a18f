"""What is kept beside weights and belongs to them: their projection and their calibration."""

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
    read_beside,
    read_projection,
    write_projection,
)
from mvd.weights.formats.files import is_onnx

_KEY = "calibration"  # of a program's metadata


def kept_projection(file: Path, weights: str) -> Projection | None:
    """Read the projection that is kept beside a checkpoint; None if there is none for these weights.

    Raises:
        CheckpointError: it is damaged.
    """
    found = read_projection(file)
    if found is None or found.weights != weights:
        return None
    return Projection(mean=found.tensors["mean"], matrix=found.tensors["matrix"], kept=found.kept)


def keep_projection(file: Path, weights: str, projection: Projection) -> Path:
    """Write a projection beside a checkpoint, and return its file.

    Raises:
        RunError: it cannot be written.
    """
    tensors = {"mean": projection.mean, "matrix": projection.matrix}
    return write_projection(file, KeptProjection(weights=weights, tensors=tensors, kept=projection.kept))


def kept_calibration(file: Path, fingerprint: str) -> Calibration | None:
    """Read the calibration that is kept beside a checkpoint; None if there is none for this model.

    Raises:
        CheckpointError: it is damaged.
    """
    return Calibration.of(read_beside(file, CALIBRATION), fingerprint, str(file_beside(file, CALIBRATION)))


def keep_calibration(file: Path, calibration: Calibration) -> Path:
    """Write a calibration where its model is: into an ONNX program's metadata, or beside a checkpoint.

    Returns:
        The file that has it.

    Raises:
        CheckpointError: the program is damaged.
        RunError: it cannot be written.
    """
    with writing(file):
        if is_onnx(file):
            update_metadata(file, {_KEY: calibration.to_json()})
            return file
        beside = file_beside(file, CALIBRATION)
        write_atomically(beside, calibration.to_json() + "\n")
    return beside


def forget_projection(file: Path) -> None:
    """Remove the projection that is kept beside a checkpoint, if there is one."""
    file_beside(file, PROJECTION).unlink(missing_ok=True)
