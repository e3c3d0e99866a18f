"""`mvd calibrate`."""
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Calibrate."""
