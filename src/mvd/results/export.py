"""The result of `mvd export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mvd.metrics.scores import Scores

Variant: TypeAlias = Literal["fp32", "fp16", "int8"]
Format: TypeAlias = Literal["onnx", "mindir"]


@dataclass(frozen=True, kw_only=True)
class ExportedProgram:
    """An exported program.

    Attributes:
        file: the program.
        variant: the number format that it computes in.
        size: bytes.
        difference: the largest absolute difference of an embedding's component from the network's.
        results: its scores; empty if they were not measured.
    """

    file: Path
    variant: Variant
    size: int
    difference: float
    results: tuple[Scores, ...]


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """All programs of one export.

    Attributes:
        format: of the programs.
        programs: one per variant.
        compared: the pictures that programs and the network were compared on, in words.
        reference: the network's scores; empty if they were not measured.
    """

    format: Format
    programs: tuple[ExportedProgram, ...]
    compared: str
    reference: tuple[Scores, ...]

    @property
    def framework(self) -> str:
        """The framework that the programs were made and compared in."""
        return "PyTorch" if self.format == "onnx" else "MindSpore"
