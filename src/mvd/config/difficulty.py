"""Difficulty of the pictures of a synthetic data set.

It is defined here, not in `mvd.synthetic`, so that the command line can offer it as flags without loading NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from mvd.config.types import check_types
from mvd.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """How hard it is to recognise rendered people across the modalities.

    Attributes:
        variety: difference of builds, clothes, hair and bags between identities, from 0 (all alike) to 1.
        print_in_infrared: probability that a pattern keeps its edges in the infrared, from 0 to 1.
        views: range of viewing directions, from 0 (always the front) to 1 (all around).
        occlusion: probability that something stands in front of a person, from 0 to 1.
        box_jitter: error of the bounding box as a share of the height, from 0 to 0.3.
        blur: strength of blur and of lost resolution, from 0 to 4.
        noise: strength of the sensor's noise, from 0 to 8.
    """

    variety: float = 1.0
    print_in_infrared: float = 0.75
    views: float = 1.0
    occlusion: float = 0.1
    box_jitter: float = 0.025
    blur: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        check_types(self, "")
        limits = {"box_jitter": 0.3, "blur": 4.0, "noise": 8.0}
        for knob in fields(self):
            value, limit = getattr(self, knob.name), limits.get(knob.name, 1.0)
            if not 0 <= value <= limit:
                raise ConfigError(f"{knob.name}: expected a number from 0 to {limit:g}, found {value}")
