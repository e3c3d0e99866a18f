"""Projections and calibrations, saved next to the weights that they belong to, or in their ONNX file."""

from __future__ import annotations

from pathlib import Path

from mvd.files.atomic import write_atomically, writing
from mvd.inference.identity import Identified
from mvd.inference.onnx_metadata import read_metadata, update_metadata
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


class Calibrated(Identified):
    """Base of the networks that `open_model` returns: the calibration saved with a model.

    It is read again when its file has changed, since `mvd calibrate` may write it while the model is open.
    """

    _kept: KeptCalibration

    @property
    def calibration(self) -> Calibration | None:
        """Calibration of its similarities; None if the model is not calibrated (`mvd calibrate`).

        Raises:
            CheckpointError: it was saved since the model was opened, and is damaged.
        """
        return self._kept.read()


class KeptCalibration:
    """The calibration saved with an open model.

    Args:
        file: the ONNX file or checkpoint.
        fingerprint: fingerprint of the model. Where the file of another model takes the place of this one's, the last
            calibration stays.
        inside: whether it is in the metadata of the file, an ONNX file, instead of next to it.

    Raises:
        CheckpointError: it is damaged.
    """

    def __init__(self, file: Path, fingerprint: str, *, inside: bool = False) -> None:
        self._file, self._fingerprint, self._inside = file, fingerprint, inside
        self._read_from = file if inside else file_beside(file, CALIBRATION)
        self._found: Calibration | None = None
        self._state: tuple[int, ...] | None = None
        self.read()

    def read(self) -> Calibration | None:
        """Return the calibration; None if there is none.

        Raises:
            CheckpointError: it is damaged.
        """
        state = _state(self._read_from)
        if state != self._state:
            self._found = self._read()
            self._state = state
        return self._found

    def _read(self) -> Calibration | None:
        if not self._inside:
            text = read_calibration(self._file)
        elif not self._file.exists():
            return self._found  # the model in memory is still calibrated
        else:
            texts = read_metadata(self._file).texts
            if texts.get("fingerprint", self._fingerprint) != self._fingerprint:
                return self._found
            text = texts.get(_KEY)
        found = Calibration.of(text, self._fingerprint, str(self._read_from))
        return self._found if found is None and text is not None else found


def _state(file: Path) -> tuple[int, ...] | None:
    """Return what changes with the content of a file that is written atomically; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


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
