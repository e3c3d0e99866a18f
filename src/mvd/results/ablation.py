"""The result of `mvd ablate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

SeedFigures: TypeAlias = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Protocol → figure, such as "mAP" → one value per seed, in the order of the seeds."""


@dataclass(frozen=True, kw_only=True)
class RungResult:
    """The test figures of one rung of the ladder, from 0 to 1.

    Attributes:
        name: the rung's name.
        adds: what the rung adds to the one below.
        figures: descriptor, such as "observation" → its figures. All rungs have the same protocols and seeds; a rung
            without bottlenecks has no "representation".
    """

    name: str
    adds: str
    figures: Mapping[str, SeedFigures]
