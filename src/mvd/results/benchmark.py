"""The result of `mvd benchmark`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BenchmarkRow:
    """A row of the benchmark's table.

    Attributes:
        name: name of the recipe, of the user's own setting, or of a descriptor that needs no training.
        spectrum: what the infrared cameras see: "near-infrared" or "thermal".
        seeds: seeds of the runs; empty without training.
        figures: protocol → figure, such as "mAP" → one value per seed, from 0 to 1; a single value without training.
        minutes: training time in minutes, per seed.
        memory: peak bytes of training, per seed.
        versions: version of mvd with the commit of its source, per seed.
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
        version: version of the rendered pictures: "rendered-1".
        size: "small", "medium" or "full".
        pixels: spectrum → whether the pictures in the folder have the pixels of that version.
        rows: all results in the folder.
    """

    version: str
    size: str
    pixels: Mapping[str, bool]
    rows: Sequence[BenchmarkRow]
