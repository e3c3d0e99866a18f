"""Calibration: what a similarity means, as a probability and as thresholds; how it is learnt and how it is checked."""

from mvd.metrics.calibration.calibration import PRIOR, Calibration, Cameras, PairCalibration, camera_key
from mvd.metrics.calibration.learning import ENOUGH_PEOPLE, FEW_PEOPLE, learn_calibration

__all__ = [
    "ENOUGH_PEOPLE",
    "FEW_PEOPLE",
    "PRIOR",
    "Calibration",
    "Cameras",
    "PairCalibration",
    "camera_key",
    "learn_calibration",
]
