"""The results of `mvd runs`: a summary of each run, and the comparison of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mvd.runs import StateName


@dataclass(frozen=True, kw_only=True)
class TestFigures:
    """Test figures of one protocol, means over its trials, from 0 to 1.

    Attributes:
        protocol: the protocol's name.
        ranking: how the gallery was ranked, as in `mvd.metrics.Scores`.
        weights: "best" or "last".
    """

    __test__ = False  # pytest would collect a class whose name starts with Test

    protocol: str
    ranking: str
    weights: str
    rank_1: float
    mAP: float
    mINP: float


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """Summary of a run: settings, state, progress and figures.

    Attributes:
        path: the run folder.
        state: as `mvd.runs.judge` finds it, or "damaged".
        reason: why the run failed, or what is damaged.
        recipe: the nearest recipe, and the number of fields in which the configuration differs, such as "demo +2".
        seed: the run's seed.
        dataset: name of the data set.
        device: the training device.
        step: the step of the last log line.
        steps: total number of steps; None if unknown.
        epochs_done: complete epochs up to the last log line.
        epochs: total number of epochs.
        best: epoch and figures of the best validation; None before the first.
        tests: figures of the last test.
        changes: changes of settings since the run was started, one line each.
        when: Unix time, in seconds, of the last write to the folder.
    """

    path: str
    state: StateName | Literal["damaged"]
    reason: str | None = None
    recipe: str = ""
    seed: int | None = None
    dataset: str = ""
    device: str = ""
    step: int = 0
    steps: int | None = None
    epochs_done: int = 0
    epochs: int | None = None
    best: Mapping[str, float] | None = None
    tests: Sequence[TestFigures] = field(default_factory=list)
    changes: Sequence[str] = ()
    when: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Comparison of two runs.

    Attributes:
        runs: both summaries.
        settings: field → its two values, for fields that differ; None if a run does not have the field.
        curves: step → name → the two values, at steps that both runs have logged.
        pace: "pictures a second", the median rate; "training time", seconds spent in steps; "memory" and "device
            memory", peak bytes. None where a value was not recorded.
    """

    runs: tuple[RunSummary, RunSummary]
    settings: Mapping[str, tuple[str | None, str | None]]
    curves: Mapping[int, Mapping[str, tuple[float, float]]]
    pace: Mapping[str, tuple[float | None, float | None]]
