"""The result of `mvd calibrate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mvd.inference.identity import ModelIdentity
from mvd.metrics.calibration import Calibration
from mvd.metrics.calibration.check import PairCheck


@dataclass(frozen=True, kw_only=True)
class CalibrateResult:
    """What was learnt, and how well it holds on people whom it was not learnt on.

    Attributes:
        file: where the calibration is.
        model: the model, with its projection.
        calibration: learnt on all held-out people.
        checks: by pair of modalities, learnt on one half of the people and checked on the other.
        wide: width of the embedding before projection.
        kept: the share of the training pictures' variance that the projection keeps; None without one.
    """

    file: Path
    model: ModelIdentity
    calibration: Calibration
    checks: Mapping[str, PairCheck]
    wide: int
    kept: float | None
