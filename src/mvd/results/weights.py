"""The result of `mvd show`: the content of a weights file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mvd.metrics.calibration import Calibration
from mvd.runs import Card
from mvd.weights.formats.arrays import Shape


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Content of a weights file.

    Attributes:
        file: the file.
        size: size in bytes.
        format: description of the format.
        network: description of the network; None if its parameter names are unknown.
        tensors: name in the file → type and shape, including the optimizer's tensors. Empty for ONNX.
        numbers: number of elements in the network's tensors.
        card: the model card, if the file has one.
        notes: further metadata, by name.
        calibration: calibration of the similarities of its embeddings; None if it was not calibrated.
        page: documentation of the bundled model; None for other files.
    """

    file: Path
    size: int
    format: str
    network: str | None
    tensors: dict[str, tuple[str, Shape]]
    numbers: int
    card: Card | None
    notes: dict[str, str]
    calibration: Calibration | None = None
    page: str | None = None
