"""The result of `mvd ablate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

SeedFigures: TypeAlias = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Protocol → figure, such as "mAP" → one value per seed, in the order of the seeds."""


@dataclass(frozen=True, kw_only=True)
class RungResult:
    """The test figures of one setting, such as a rung of the paper's ladder, from 0 to 1.

    Attributes:
        name: its name.
        adds: what it adds to the setting that it is compared with.
        against: name of the setting that it is compared with: the rung below, or the unchanged configuration; None for
            the first.
        figures: descriptor, such as "observation" → its figures. All rungs have the same protocols and seeds; a rung
            without bottlenecks has no "representation".
    """

    name: str
    adds: str
    against: str | None
    figures: Mapping[str, SeedFigures]
