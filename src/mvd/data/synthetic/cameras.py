"""The six cameras: SYSU-MM01's numbers, each with a place, a light and a way of seeing of its own.

1, 2, 4, 5 see colours, 3 and 6 infrared; 1–3 hang indoors, 4–6 outdoors; 2 and 3 look into one room. Camera 6 is
outdoors at night: its own lamp lights people and hardly what is behind them.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from mvd.data.samples import Modality


class Place(Enum):
    """What a camera looks at."""

    CORRIDOR = auto()
    ROOM = auto()
    COURTYARD = auto()
    STREET = auto()
    GARDEN = auto()


class Camera(NamedTuple):
    """How one camera sees.

    Attributes:
        number: 1…6.
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


_EQUAL = (1.0, 1.0, 1.0)
CAMERAS: dict[int, Camera] = {
    camera.number: camera
    for camera in (
        Camera(1, Modality.VISIBLE, Place.CORRIDOR, False, 0.035, (1.06, 1.0, 0.86), (0.9, 1.2), 0.25, 0.6, 0.0, 4.0),
        Camera(2, Modality.VISIBLE, Place.ROOM, False, 0.045, (0.93, 1.02, 1.0), (1.0, 1.3), -0.4, 0.65, 0.0, 3.0),
        Camera(3, Modality.INFRARED, Place.ROOM, True, 0.045, _EQUAL, (1.1, 1.4), 0.0, 0.5, 0.35, 4.0),
        Camera(4, Modality.VISIBLE, Place.COURTYARD, False, 0.025, (1.04, 1.0, 0.94), (1.15, 1.5), 0.75, 0.5, 0.0, 2.0),
        Camera(5, Modality.VISIBLE, Place.STREET, False, 0.03, (0.9, 0.98, 1.1), (0.85, 1.15), -0.6, 0.65, 0.0, 3.0),
        Camera(6, Modality.INFRARED, Place.GARDEN, False, 0.03, _EQUAL, (1.05, 1.45), 0.15, 0.4, 0.75, 5.5),
    )
}
VISIBLE_CAMERAS = tuple(n for n, camera in CAMERAS.items() if camera.modality is Modality.VISIBLE)
INFRARED_CAMERAS = tuple(n for n, camera in CAMERAS.items() if camera.modality is Modality.INFRARED)
