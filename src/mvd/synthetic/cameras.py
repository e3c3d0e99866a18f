"""Cameras and rigs: viewpoint, light and spectral response of each camera.

A rig is the set of cameras of a data set (rigs.py). A camera that records colour by day and near infrared by night is
in its rig twice, with the same number and place. A `Sensor` is a camera number and a modality.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from mvd.data.samples import Modality
from mvd.errors import ConfigError

_MOST_CAMERAS = 255  # a camera's place in its rig keys its draws, in eight bits


class Place(Enum):
    """The scene that a camera looks at. The order determines the random scenes, so append new places."""

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
    """A camera number and a modality."""

    camera: int
    modality: Modality

    def __str__(self) -> str:
        return f"camera {self.camera} {Modality(self.modality).name.lower()}"


class Camera(NamedTuple):
    """The viewpoint, light and response of a camera in one modality.

    Attributes:
        number: camera number, from 1.
        modality: visible or infrared.
        place: the scene; cameras with the same place see the same objects.
        mirrored: whether the scene is seen from the other side.
        pitch: downward pitch, in turns.
        gains: white balance, factors of red, green and blue.
        exposure: range of the random brightness factor of a picture.
        side: direction of the light, −1 left … 1 right; 0 from the camera.
        ambient: fraction of ambient light, 0…1.
        falloff: loss of an infrared lamp's light towards the edge of the picture and behind people, 0…1.
        noise: standard deviation of the noise at strength 1, in grey levels.
        thermal: whether an infrared camera is thermal instead of near-infrared.
        roams: whether each picture is taken by a random camera in a random place, of more varied people; then only
            number, modality and `thermal` are used (varied.py).
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
        """The sensor that identifies this camera in plans."""
        return Sensor(self.number, self.modality)


@dataclass(frozen=True, kw_only=True)
class Rig:
    """The cameras of a data set.

    Attributes:
        name: name of the data set.
        cameras: the cameras, with distinct sensors. Their order determines the random draws, so append new ones.
        height: default mean height of the pictures, in pixels.
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
        """The sensors of the cameras, in order."""
        return tuple(camera.sensor for camera in self.cameras)

    def of(self, modality: Modality) -> tuple[Camera, ...]:
        """Return the cameras of one modality."""
        return tuple(camera for camera in self.cameras if camera.modality is modality)

    def place_of(self, sensor: Sensor) -> int:
        """Return the index of a camera in the rig.

        Raises:
            ConfigError: the rig has no such camera.
        """
        try:
            return self.sensors.index(sensor)
        except ValueError:
            raise ConfigError(
                f"expected a camera of {self.name} ({', '.join(map(str, self.sensors))}), found {sensor}"
            ) from None
