"""Configuration of a synthetic data set: seed, plan, picture size and difficulty."""

from __future__ import annotations

from dataclasses import dataclass, field

from mvd.config.checks import whole
from mvd.config.difficulty import Difficulty
from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic.cameras import Camera, Sensor
from mvd.synthetic.plan import Plan, even_plan


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """The configuration of a synthetic data set.

    Attributes:
        seed: 0…2^63 − 1; each seed gives other people.
        plan: splits, and number of pictures per identity and camera; `even_plan(...)`, `SYSU_MM01`, `REGDB` or `LLCM`.
        height: mean height of the pictures, 64…512 pixels; heights vary by a fifth, like boxes of a detector.
        thermal: whether all infrared cameras are thermal instead of near-infrared; RegDB's camera always is.
        quality: JPEG quality, 30…95.
        difficulty: difficulty of the data set.
    """

    seed: int = 0
    plan: Plan = field(default_factory=lambda: even_plan(train=64, validation=12, test=24, pictures=8))
    height: int = 240
    thermal: bool = False
    quality: int = 85
    difficulty: Difficulty = field(default_factory=Difficulty)

    def __post_init__(self) -> None:
        for name, low, high in (("seed", 0, 2**63 - 1), ("height", 64, 512), ("quality", 30, 95)):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name}: expected a whole number from {low} to {high}, found {getattr(self, name)}")

    def camera(self, sensor: Sensor) -> Camera:
        """Return a camera of the plan's rig.

        Raises:
            ConfigError: the rig has no such camera.
        """
        camera = self.plan.rig.cameras[self.plan.rig.place_of(sensor)]
        heat = self.thermal and camera.modality is Modality.INFRARED
        return camera._replace(thermal=True) if heat else camera
