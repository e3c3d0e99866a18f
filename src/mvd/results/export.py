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
        variant: the number format of its arithmetic.
        size: size in bytes.
        difference: the largest absolute difference between a component of its embeddings and the network's.
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
        format: format of the programs.
        programs: one per variant.
        compared: description of the pictures on which programs and network were compared.
        reference: the network's scores; empty if they were not measured.
    """

    format: Format
    programs: tuple[ExportedProgram, ...]
    compared: str
    reference: tuple[Scores, ...]

    @property
    def framework(self) -> str:
        """The framework in which the programs were exported and compared."""
        return "PyTorch" if self.format == "onnx" else "MindSpore"
