"""Render one picture: a person in front of a scene, as recorded by a camera of either modality.

The figure is drawn into maps that depend on neither light nor modality (canvas.py). The picture is computed as

    colour or infrared reflectance of each material × light on its surface
    → composite over the scene → uneven illumination → camera gains
    → blur and loss of resolution → noise → uint8.

For a given version of Pillow, the array is identical on every machine and in every process. Geometry is rounded to
whole sub-pixels, Pillow's 8-bit operations use integer arithmetic, and the noise comes from an integer table. The bytes
of a JPEG file also depend on the JPEG library.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from mvd.errors import ConfigError
from mvd.synthetic.cameras import Camera, Sensor
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.geometry import view
from mvd.synthetic.optics import cast_shadow, lay, like, occlude, record
from mvd.synthetic.people.canvas import Canvas
from mvd.synthetic.people.casting import draw_person
from mvd.synthetic.people.figure import draw_figure
from mvd.synthetic.people.person import Person
from mvd.synthetic.people.pose import STATURE, take_pose
from mvd.synthetic.randomness import Draws, Purpose
from mvd.synthetic.scenes.scene import FARTHEST, NEAREST, cut_box, draw_scene
from mvd.synthetic.varied import render_varied

_ASPECT = 0.45  # width by height of a box
_MARGIN = 0.09  # free space above the head and below the feet, metres


def render(config: SyntheticConfig, identity: int, sensor: Sensor, picture: int) -> npt.NDArray[np.uint8]:
    """Render one picture.

    Args:
        config: the data set; of its plan only the cameras are used, so any identity can be rendered.
        identity: 1…9999.
        sensor: a camera of the plan's rig.
        picture: number of the picture, 1…9999; each number gives another moment.

    Returns:
        (H, W, 3) uint8 RGB; an infrared picture has three equal channels.

    Raises:
        ConfigError: a number is out of range, or there is no such camera.
    """
    if not 1 <= identity <= 9999 or not 1 <= picture <= 9999:
        raise ConfigError(f"expected an identity and picture of 1…9999, found identity {identity}, picture {picture}")
    spec = config.camera(sensor)
    place = config.plan.rig.place_of(sensor) + 1  # not the number, which a camera has once for each spectrum
    draws = Draws(config.seed, Purpose.PICTURE, identity=identity, camera=place, picture=picture)
    if spec.roams:
        return render_varied(config, spec, identity, draws)
    person = draw_person(config.seed, config.difficulty, identity)
    canvas, background = _compose(config, spec, person, draws)
    looks = {**person.looks, **occlude(config, canvas, draws)}
    return record(config, spec, lay(canvas, looks, background, spec, draws), draws)


def _compose(config: SyntheticConfig, spec: Camera, person: Person, draws: Draws) -> tuple[Canvas, Image.Image]:
    """Place a person in the scene, draw the figure, and crop the background."""
    knobs = config.difficulty
    pose = take_pose(person, draws)
    seen = view(draws.between(-0.5, 0.5) * knobs.views, spec.pitch + draws.spread(0.008))
    high = (STATURE + 2 * _MARGIN) * (1 + draws.spread(knobs.box_jitter))
    wide = high * _ASPECT * (1 + draws.spread(0.5 * knobs.box_jitter))
    left = -0.5 * wide + draws.spread(knobs.box_jitter) * high
    bottom = -_MARGIN + draws.spread(0.7 * knobs.box_jitter) * high
    height = round(config.height * draws.between(0.84, 1.2))
    size = (max(8, round(height * wide / high)), height)
    scale = height / high
    canvas = Canvas(size, scale, (-left * scale, height + bottom * scale), seen)
    draw_figure(canvas, person, pose)
    distance = draws.between(NEAREST, FARTHEST)
    cut = cut_box(distance, draws.between(-1.0, 1.0), (left, bottom, left + wide, bottom + high))
    background = draw_scene(config.seed, spec).resize(size, Image.Resampling.BILINEAR, box=cut)
    if spec.thermal:
        return canvas, background  # warmth casts no shadow
    return canvas, ImageChops.multiply(background, like(cast_shadow(size, scale, left, bottom, spec), background.mode))
