"""Calibration: what a similarity means, as a probability and as thresholds; how it is learnt and how it is checked."""

from mvd.metrics.calibration.calibration import FEW_PEOPLE, PRIOR, Calibration, PairCalibration, learn_calibration

__all__ = ["FEW_PEOPLE", "PRIOR", "Calibration", "PairCalibration", "learn_calibration"]
