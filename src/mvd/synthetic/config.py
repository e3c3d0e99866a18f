"""Configuration of a synthetic data set: seed, plan of people and cameras, size and difficulty of the pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from mvd.config.difficulty import Difficulty
from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic.cameras import Camera, Sensor
from mvd.synthetic.plan import Plan, even_plan


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
    difficulty: Difficulty = field(default_factory=Difficulty)

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
