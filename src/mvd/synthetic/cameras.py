"""Cameras and rigs: viewpoint, light and spectral response of each camera.

A rig is the set of cameras of a data set (rigs.py). A camera that sees colours by day and the near infrared by night is
in its rig twice, under one number and at one place; a `Sensor` is a camera and a modality.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from mvd.data.samples import Modality
from mvd.errors import ConfigError

_MOST_CAMERAS = 255  # a camera's place in its rig keys its draws, in eight bits


class Place(Enum):
    """What a camera looks at; the order keys the scenes, so new places go last."""

    CORRIDOR = auto()
    ROOM = auto()
    COURTYARD = auto()
    STREET = auto()
    GARDEN = auto()
    HALL = auto()
    LIBRARY = auto()
    GARAGE = auto()
    WATERSIDE = auto()


class Sensor(NamedTuple):
    """Which camera, and which spectrum of it."""

    camera: int
    modality: Modality

    def __str__(self) -> str:
        return f"camera {self.camera} {Modality(self.modality).name.lower()}"


class Camera(NamedTuple):
    """How one camera sees in one spectrum.

    Attributes:
        number: from 1.
        modality: visible or infrared.
        place: the scene it looks at; cameras of one place see the same things.
        mirrored: whether it looks from the other side.
        pitch: how far it looks down, turns.
        gains: white balance, factors of red, green and blue.
        exposure: the range that a picture's brightness factor is drawn from.
        side: where the light comes from, −1 left … 1 right; 0 from the camera.
        ambient: share of the light that has no direction, 0…1.
        falloff: how much of an infrared lamp's light is lost towards the picture's edge and behind people, 0…1.
        noise: standard deviation at the strength 1, grey levels.
        thermal: whether an infrared camera sees heat rather than the near infrared.
        roams: whether each of its pictures comes from another camera in another place, of people of more variety; of
            this one, only number, modality and `thermal` count then (varied.py).
    """

    number: int
    modality: Modality
    place: Place
    mirrored: bool
    pitch: float
    gains: tuple[float, float, float]
    exposure: tuple[float, float]
    side: float
    ambient: float
    falloff: float
    noise: float
    thermal: bool = False
    roams: bool = False

    @property
    def sensor(self) -> Sensor:
        """What this camera is called in plans."""
        return Sensor(self.number, self.modality)


@dataclass(frozen=True, kw_only=True)
class Rig:
    """The cameras that a data set is taken with.

    Attributes:
        name: of the data set that has such cameras.
        cameras: no two of one number and modality. Their order keys what they see, so new ones go last.
        height: the usual middle of the pictures' heights, pixels.
    """

    name: str
    cameras: tuple[Camera, ...]
    height: int = 240

    def __post_init__(self) -> None:
        if not 1 <= len(self.cameras) <= _MOST_CAMERAS or len(set(self.sensors)) != len(self.cameras):
            raise ConfigError(
                f"{self.name}: expected 1 to {_MOST_CAMERAS} cameras, no two of one number and modality, "
                f"found {', '.join(map(str, self.sensors)) or 'none'}"
            )
        for camera in self.of(Modality.VISIBLE):
            if camera.thermal:
                raise ConfigError(
                    f"{self.name}: expected thermal cameras to be infrared, found {camera.sensor} thermal"
                )

    @property
    def sensors(self) -> tuple[Sensor, ...]:
        """What its cameras are called, in their order."""
        return tuple(camera.sensor for camera in self.cameras)

    def of(self, modality: Modality) -> tuple[Camera, ...]:
        """Select the cameras of one modality."""
        return tuple(camera for camera in self.cameras if camera.modality is modality)

    def place_of(self, sensor: Sensor) -> int:
        """Look up a camera's place among the others, from 0.

        Raises:
            ConfigError: it has no such camera.
        """
        try:
            return self.sensors.index(sensor)
        except ValueError:
            raise ConfigError(
                f"expected a camera of {self.name} ({', '.join(map(str, self.sensors))}), found {sensor}"
            ) from None
