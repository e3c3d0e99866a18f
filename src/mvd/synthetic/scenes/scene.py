"""Scenes: the backgrounds of the cameras, drawn once per camera, from which pictures are cropped.

A scene has 960 × 720 pixels and a ground plane: x to the right, y up, z away from a camera 1.9 m high, in metres. Every
object has a colour, a near-infrared reflectance and a heat, so in the infrared a lawn is bright and a shaded wall dark.
Cameras with the same place show the same objects.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops

from mvd.data.samples import Modality
from mvd.synthetic.cameras import Camera, Place
from mvd.synthetic.randomness import Draws, Purpose
from mvd.synthetic.scenes import indoors, outdoors
from mvd.synthetic.scenes.stage import HEIGHT, HORIZON, WIDTH, Stage, floor_row

NEAREST, FARTHEST = 4.2, 8.0  # where people stand, metres from the camera
_LAMP_REACH = 5.0  # up to where an infrared lamp lights fully, metres
_DRAW = {
    Place.CORRIDOR: indoors.draw_corridor,
    Place.ROOM: indoors.draw_room,
    Place.COURTYARD: outdoors.draw_courtyard,
    Place.STREET: outdoors.draw_street,
    Place.GARDEN: outdoors.draw_garden,
    Place.HALL: indoors.draw_hall,
    Place.LIBRARY: indoors.draw_library,
    Place.GARAGE: indoors.draw_garage,
    Place.WATERSIDE: outdoors.draw_waterside,
}


class Cut(NamedTuple):
    """A box in the scene: left, top, right, bottom, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


@lru_cache(maxsize=32)
def draw_scene(seed: int, camera: Camera) -> Image.Image:
    """Draw a camera's scene: RGB for a visible camera, L for an infrared one."""
    # The place is the key, not the camera: two cameras in one room see the same furniture.
    draws = Draws(seed, Purpose.SCENE, camera=list(Place).index(camera.place) + 1)
    infrared = camera.modality is Modality.INFRARED
    stage = Stage(infrared=infrared, thermal=camera.thermal, mirrored=camera.mirrored)
    _DRAW[camera.place](stage, draws)
    picture = _roughen(stage.picture, draws)
    return _dim(picture, camera) if infrared and not camera.thermal else picture


def cut_box(distance: float, across: float, box: tuple[float, float, float, float]) -> Cut:
    """Compute the position in the scene of a box around a person.

    Args:
        distance: distance of the person from the camera, in metres.
        across: horizontal position of the person, −1 (left edge of the scene) … 1.
        box: left, bottom, right, top, in metres from the ground point between the person's feet.
    """
    per_metre, ground = floor_row(distance)
    left, bottom, right, top = (per_metre * side for side in box)
    reach = WIDTH / 2 - max(right, -left) - 1
    middle = WIDTH / 2 + across * reach
    # Below the scene's last row there is nothing: a box that reaches there is moved up.
    lift = min(0.0, HEIGHT - 1 - (ground - bottom))
    return Cut(middle + left, max(0.0, ground - top + lift), middle + right, ground - bottom + lift)


def _roughen(picture: Image.Image, draws: Draws) -> Image.Image:
    """Add coarse and fine grain, so that no surface has a uniform colour."""
    grain = Image.new("L", picture.size, 255)
    for cell, strength in ((24, 22), (3, 16)):
        size = (WIDTH // cell, HEIGHT // cell)
        words = draws.raw(size[0] * size[1]) >> np.uint64(56)
        values = (255 - words.astype(np.int64) * strength // 256).astype(np.uint8).reshape(size[1], size[0])
        layer = Image.fromarray(values).resize(picture.size, Image.Resampling.BILINEAR)
        grain = ImageChops.multiply(grain, layer)
    return ImageChops.multiply(picture, grain if picture.mode == "L" else Image.merge("RGB", (grain, grain, grain)))


def _dim(picture: Image.Image, camera: Camera) -> Image.Image:
    """Apply the falloff of an infrared lamp with the distance of the ground in each row, and towards the sides."""
    rows = np.arange(HEIGHT, dtype=np.float64)[:, None]
    far = (rows - HORIZON).clip(floor_row(2.5 * FARTHEST)[1] - HORIZON) / (floor_row(_LAMP_REACH)[1] - HORIZON)
    sides = (np.arange(WIDTH, dtype=np.float64)[None, :] - WIDTH / 2) / (WIDTH / 2)
    lit = np.minimum(far * far, 1.0) * (1.0 - 0.55 * sides * sides)
    gain = 1.0 - camera.falloff * (1.0 - lit)
    return Image.fromarray((np.asarray(picture) * gain).astype(np.uint8))
