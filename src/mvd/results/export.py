"""The result of `mvd export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mvd.metrics.scores import Scores

Variant: TypeAlias = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, kw_only=True)
class ExportedProgram:
    """One exported program.

    Attributes:
        file: the program.
        variant: the number format that it computes in.
        size: bytes.
        difference: the largest absolute difference of an embedding's component from PyTorch's.
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
        programs: one per variant.
        compared: the pictures that programs and PyTorch were compared on, in words.
        reference: PyTorch's scores; empty if they were not measured.
    """

    programs: tuple[ExportedProgram, ...]
    compared: str
    reference: tuple[Scores, ...]
