"""The result of `mvd show`: what a weights file holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mvd.metrics.calibration import Calibration
from mvd.runs import Card
from mvd.weights.formats.arrays import Shape


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a weights file holds.

    Attributes:
        file: the file.
        size: bytes.
        format: the format, in words.
        network: the network, in words; None if its parameter names are unknown.
        tensors: name in the file → type and shape, the optimizer's included. Empty for ONNX.
        numbers: number of elements in the network's tensors.
        card: the model card, if the file carries one.
        notes: further metadata, by name.
        calibration: what the similarities of its embeddings mean; None if it was not calibrated.
        page: a text about it, of the model in the box; else None.
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
