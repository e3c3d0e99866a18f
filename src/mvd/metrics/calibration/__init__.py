"""Calibration of similarities: probabilities, thresholds for a false-alarm rate, and how to learn and check them."""

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
