"""The result of `mvd calibrate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mvd.inference.identity import ModelIdentity
from mvd.metrics.calibration import Calibration
from mvd.metrics.calibration.check import PairCheck
from mvd.metrics.calibration.platt import Slope


@dataclass(frozen=True, kw_only=True)
class VerdictCheck:
    """Comparison of the calibration with judged search results, by the slope of the log-odds.

    Attributes:
        queries: number of queries with judged results.
        right: number of results that show the person.
        wrong: number of results that do not.
        held_out: slope learnt from held-out people only.
        judged: slope learnt from judged results only; None if there are too few, which are not used.
        slope: the slope of the stored calibration.
    """

    queries: int
    right: int
    wrong: int
    held_out: float
    judged: Slope | None
    slope: float


@dataclass(frozen=True, kw_only=True)
class CalibrateResult:
    """A calibration, and its accuracy on people that it was not learnt on.

    Attributes:
        file: the file of the calibration.
        model: the model, with its projection.
        calibration: the calibration, learnt on all held-out people.
        checks: by pair of modalities, the check of a calibration learnt on one half of the people on the other half.
        wide: width of the embedding before projection.
        kept: fraction of the training pictures' variance that the projection keeps; None without a projection.
        verdicts: by pair of modalities, the comparison with results that were judged in galleries.
    """

    file: Path
    model: ModelIdentity
    calibration: Calibration
    checks: Mapping[str, PairCheck]
    wide: int
    kept: float | None
    verdicts: Mapping[str, VerdictCheck]
