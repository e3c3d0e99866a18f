"""What a weights file holds: the result of `mvd show`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mvd.runs import Card
from mvd.weights.formats.stored import Shape


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a file is.

    Attributes:
        file: the file.
        size: bytes.
        format: in words.
        network: what network it is, in words; None if its names are nobody's that is known here.
        tensors: type and shape of each tensor by its name in the file; those of an optimiser too. Empty for ONNX.
        numbers: how many numbers the network's tensors have.
        card: the model card, where it carries one.
        notes: further metadata, by name.
    """

    file: Path
    size: int
    format: str
    network: str | None
    tensors: dict[str, tuple[str, Shape]]
    numbers: int
    card: Card | None
    notes: dict[str, str]
