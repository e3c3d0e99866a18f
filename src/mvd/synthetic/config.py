"""What is rendered: the seed, who is in the data set, and the knobs of its difficulty.

Kept apart from the drawing so that a command line can offer it without loading any of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic.cameras import Camera, Sensor
from mvd.synthetic.plan import Plan, even_plan


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """How hard it is to tell people apart across the modalities.

    Attributes:
        variety: how much builds, clothes, hair and bags differ between identities, 0 (all alike) … 1.
        print_in_infrared: probability that a pattern keeps its edges in the infrared, 0…1.
        views: range of directions that people are seen from, 0 (always the front) … 1 (all around).
        occlusion: probability that something stands in front of a person, 0…1.
        box_jitter: how far a box is off its person, as a share of the height, 0…0.3.
        blur: strength of blur and of lost resolution; 1 is the default, 0 none, up to 4.
        noise: strength of the sensor's noise; 1 is the default, 0 none, up to 8.
    """

    variety: float = 1.0
    print_in_infrared: float = 0.75
    views: float = 1.0
    occlusion: float = 0.1
    box_jitter: float = 0.025
    blur: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        limits = {"box_jitter": 0.3, "blur": 4.0, "noise": 8.0}
        for knob in fields(self):
            value, limit = getattr(self, knob.name), limits.get(knob.name, 1.0)
            if not 0 <= value <= limit:
                raise ConfigError(f"{knob.name}: expected a number from 0 to {limit:g}, found {value}")


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """A synthetic data set, whole.

    Attributes:
        seed: 0…2^63 − 1; another seed, other people.
        plan: who is seen by which camera how often, and in which split; `even_plan(...)` or `SYSU_MM01`, `REGDB`,
            `LLCM`.
        height: middle of the pictures' heights, 64…512 pixels; they vary by a fifth as detectors' boxes do.
        thermal: whether all infrared cameras see heat rather than the near infrared; RegDB's does anyhow.
        quality: of JPEG files, 30…95.
        difficulty: how hard it is.
    """

    seed: int = 0
    plan: Plan = field(default_factory=lambda: even_plan(train=64, validation=12, test=24, pictures=8))
    height: int = 240
    thermal: bool = False
    quality: int = 85
    difficulty: Difficulty = Difficulty()

    def __post_init__(self) -> None:
        for name, low, high in (("seed", 0, 2**63 - 1), ("height", 64, 512), ("quality", 30, 95)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name}: expected a whole number from {low} to {high}, found {getattr(self, name)}")

    def camera(self, sensor: Sensor) -> Camera:
        """Look up how a camera of the plan's rig sees.

        Raises:
            ConfigError: the rig has no such camera.
        """
        camera = self.plan.rig.cameras[self.plan.rig.place_of(sensor)]
        heat = self.thermal and camera.modality is Modality.INFRARED
        return camera._replace(thermal=True) if heat else camera
