"""Files stored beside weights: the calibration of their similarities and the projection of their embeddings.

In a run folder or a model folder the files are `calibration.json` and `projection.safetensors`; beside any other
weights file the names start with the name of the file: `net.calibration.json`. Both identify their weights by a
fingerprint, so that they are ignored after further training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mvd.errors import CheckpointError
from mvd.files.atomic import replacing, writing
from mvd.files.tensors import write_tensors

Beside: TypeAlias = Literal["calibration.json", "projection.safetensors"]

CALIBRATION: Literal["calibration.json"] = "calibration.json"
PROJECTION: Literal["projection.safetensors"] = "projection.safetensors"

_KEY = "projection"


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptProjection:
    """The stored arrays of a projection.

    Attributes:
        weights: fingerprint of the weights that it was learnt with.
        tensors: "mean" (D,) and "matrix" (D, W), float32.
        kept: fraction of the training pictures' variance that it keeps.
    """

    weights: str
    tensors: dict[str, npt.NDArray[Any]]
    kept: float


def run_path_of(weights: Path) -> Path | None:
    """Return the run folder that a checkpoint is in; None for weights elsewhere."""
    folder = weights.parent.parent
    return folder if weights.parent.name == "checkpoints" and (folder / "config.json").is_file() else None


def file_beside(weights: Path, name: Beside) -> Path:
    """Return the path of a file beside weights, whether or not it exists.

    >>> file_beside(Path("net.safetensors"), CALIBRATION).as_posix()
    'net.calibration.json'
    >>> file_beside(Path("folder/model.safetensors"), CALIBRATION).as_posix()
    'folder/calibration.json'
    """
    if (run := run_path_of(weights)) is not None:
        return run / name
    if weights.name == "model.safetensors":
        return weights.with_name(name)
    return weights.with_name(f"{weights.stem}.{name}")


def read_calibration(weights: Path) -> str | None:
    """Read the text of the calibration beside weights; None if there is none.

    Raises:
        CheckpointError: the file cannot be read.
    """
    file = file_beside(weights, CALIBRATION)
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{file}: expected a file that mvd calibrate wrote, could not read it ({error})"
        ) from error


def write_projection(weights: Path, projection: KeptProjection) -> None:
    """Write a projection beside weights.

    Raises:
        RunError: the file cannot be written; an existing one is unchanged.
    """
    file = file_beside(weights, PROJECTION)
    record = json.dumps({"weights": projection.weights, "kept": projection.kept})
    with writing(file), replacing(file) as temporary:
        write_tensors(temporary, projection.tensors, {_KEY: record})


def read_projection(weights: Path) -> KeptProjection | None:
    """Read the projection beside weights; None if there is none.

    Raises:
        CheckpointError: the file is damaged.
    """
    file = file_beside(weights, PROJECTION)
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="numpy") as archive:
            record = json.loads((archive.metadata() or {})[_KEY])
            tensors = {name: archive.get_tensor(name) for name in ("mean", "matrix")}
        mean, matrix = tensors["mean"], tensors["matrix"]
        if mean.shape != matrix.shape[:1] or matrix.ndim != 2:
            raise ValueError(f"shapes {mean.shape} and {matrix.shape}")
        return KeptProjection(weights=str(record["weights"]), tensors=tensors, kept=float(record["kept"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{file}: expected a projection that mvd calibrate wrote, could not read it ({error}); make it again: mvd "
            f"calibrate"
        ) from error
