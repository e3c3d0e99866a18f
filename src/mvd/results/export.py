"""The result of `mvd export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mvd.metrics.scores import Result

Variant: TypeAlias = Literal["fp32", "fp16", "int8"]
"""The numbers that a program computes with."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A program that was written.

    Attributes:
        file: the program.
        variant: the numbers that it computes with.
        size: bytes.
        difference: the largest difference of a number of a descriptor from PyTorch's.
        results: its figures; empty if they were not measured.
    """

    file: Path
    variant: Variant
    size: int
    difference: float
    results: tuple[Result, ...]


@dataclass(frozen=True, kw_only=True)
class Export:
    """All programs of an export.

    Attributes:
        programs: one for each variant.
        compared: what programs and PyTorch were compared on, in words.
        reference: PyTorch's figures; empty if they were not measured.
    """

    programs: tuple[Exported, ...]
    compared: str
    reference: tuple[Result, ...]
