"""The result of `mvd benchmark`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BenchmarkRow:
    """A row of the benchmark's table.

    Attributes:
        name: the recipe's, or the setting's own; or that of a descriptor that needs no training.
        spectrum: what the infrared cameras see: "near-infrared" or "thermal".
        seeds: of the runs; empty without training.
        figures: protocol → figure, such as "mAP" → one value per seed, from 0 to 1; a single one without training.
        minutes: of training, per seed.
        memory: peak bytes of training, per seed.
        versions: of mvd with the source's commit, per seed.
    """

    name: str
    spectrum: str
    seeds: Sequence[int]
    figures: Mapping[str, Mapping[str, Sequence[float]]]
    minutes: Sequence[float]
    memory: Sequence[float]
    versions: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """The benchmark's table.

    Attributes:
        version: names the pixels: "rendered-1".
        size: "small", "medium" or "full".
        pixels: spectrum → whether the pictures here have the pixels that the version names.
        rows: everything that was measured in the folder.
    """

    version: str
    size: str
    pixels: Mapping[str, bool]
    rows: Sequence[BenchmarkRow]
