"""Highly varied pictures: a random camera and place for each, with inaccurate bounding boxes.

The model in the box is trained on these pictures. They do not imitate a particular data set: more varied people
(crowd.py), places, light, and views from eye level to steeply above; other people beside, behind and in front; boxes
that are too large, too small or shifted. Blur, compression and loss of resolution are augmentations in training.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageOps

from mvd.data.samples import Modality
from mvd.synthetic.cameras import Camera, Place
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.geometry import View, view
from mvd.synthetic.optics import cast_shadow, lay, like, occlude, record
from mvd.synthetic.people.canvas import Canvas
from mvd.synthetic.people.crowd import draw_varied_person
from mvd.synthetic.people.figure import draw_figure
from mvd.synthetic.people.pose import STATURE, take_pose
from mvd.synthetic.randomness import Draws
from mvd.synthetic.scenes.scene import FARTHEST, NEAREST, cut_box, draw_scene
from mvd.synthetic.scenes.stage import HEIGHT, WIDTH

_SCENES = 8  # of each place
_PASSERS_BY = 3000  # people who are nobody's identity
_FIRST_PASSER_BY = 10_000


class _Frame(NamedTuple):
    """Parameters shared by the people in a picture: seed, camera, pixels per metre, and pixel of the ground point."""

    seed: int
    camera: Camera
    scale: float
    origin: tuple[float, float]


def render_varied(config: SyntheticConfig, spec: Camera, identity: int, draws: Draws) -> npt.NDArray[np.uint8]:
    """Render a picture of a camera with `roams`; see `render`."""
    camera = _draw_camera(spec, draws)
    person = draw_varied_person(config.seed, identity)
    high, wide, left, bottom = _draw_box(draws)
    height = round(config.height * draws.between(0.9, 1.1))
    size = (max(8, round(height * wide / high)), height)
    scale = height / high
    origin = (-left * scale, height + bottom * scale)
    seen = view(draws.between(-0.5, 0.5) * config.difficulty.views, camera.pitch)
    whole = _draw_surroundings(config.seed, camera, size, (left, bottom, left + wide, bottom + high), draws)
    if not camera.thermal and draws.chance(0.8):
        shadow = cast_shadow(size, scale, left, bottom, camera)
        whole = ImageChops.multiply(whole, like(shadow, whole.mode))
    behind = draws.weigh(((0, 70), (1, 22), (2, 8)))
    before = draws.weigh(((0, 88), (1, 12)))
    frame = _Frame(config.seed, camera, scale, origin)
    for _ in range(behind):
        whole = _add_passer_by(frame, whole, draws, is_behind=True)
    canvas = Canvas(size, scale, origin, seen)
    draw_figure(canvas, person, take_pose(person, draws))
    looks = {**person.looks, **occlude(config, canvas, draws)}
    whole = lay(canvas, looks, whole, camera, draws)
    for _ in range(before):
        whole = _add_passer_by(frame, whole, draws, is_behind=False)
    return record(config, camera, whole, draws)


def _draw_camera(spec: Camera, draws: Draws) -> Camera:
    """Draw the place, pitch, light and response of a picture's camera."""
    infrared = spec.modality is Modality.INFRARED
    pitch = draws.between(0.0, 0.045) if draws.chance(0.5) else draws.between(0.045, 0.115)
    cast = 0.0 if infrared else draws.weigh(((0.08, 60), (0.25, 40)))
    return spec._replace(
        place=draws.pick(tuple(Place)),
        mirrored=draws.chance(0.5),
        pitch=pitch,
        gains=(1 + draws.spread(cast), 1 + draws.spread(0.5 * cast), 1 + draws.spread(1.2 * cast)),
        exposure=(0.95, 1.6) if infrared else draws.pick(((0.9, 1.25), (1.0, 1.5), (0.55, 0.95), (1.2, 1.9))),
        side=0.0 if infrared else draws.between(-0.9, 0.9),
        ambient=draws.between(0.3, 0.8),
        falloff=draws.between(0.2, 0.9) if infrared else draws.between(0.0, 0.7),
        noise=draws.between(1.0, 7.0),
    )


def _draw_box(draws: Draws) -> tuple[float, float, float, float]:
    """Draw a detector's box: height, width, left and bottom, in metres from the point between the feet."""
    if draws.chance(0.75):
        high = STATURE * draws.between(0.98, 1.25)
        middle = 0.5 * STATURE + draws.spread(0.07) * STATURE
        across = draws.spread(0.08) * STATURE
    else:  # it misses: cuts off legs or head, is far too large, or stands beside the person
        high = STATURE * draws.between(0.7, 1.6)
        middle = 0.5 * STATURE + draws.spread(0.28) * STATURE
        across = draws.spread(0.22) * STATURE
    wide = high * draws.between(0.36, 0.56)
    return high, wide, across - 0.5 * wide, middle - 0.5 * high


def _draw_surroundings(
    seed: int, camera: Camera, size: tuple[int, int], box: tuple[float, float, float, float], draws: Draws
) -> Image.Image:
    """Draw the background of a person: a scene, a random part of one, or random colours."""
    kind = draws.weigh((("place", 45), ("piece", 35), ("colours", 20)))
    grey = camera.modality is Modality.INFRARED
    if kind == "colours":
        coarse = (2 + draws.below(5), 2 + draws.below(10))
        return ImageChops.multiply(
            _blotches(size, coarse, "L" if grey else "RGB", (0, 256), draws),
            _blotches(size, (max(2, size[0] // 4), max(2, size[1] // 4)), "L" if grey else "RGB", (150, 256), draws),
        )
    # Lamps, which light the ground of a scene, are drawn once for a place and are not those of the picture.
    lit = camera._replace(mirrored=False, pitch=0.0, gains=(1.0, 1.0, 1.0), exposure=(1.0, 1.0), side=0.0,
                          ambient=0.5, falloff=0.5, noise=0.0)  # fmt: skip
    scene = _scene(seed * _SCENES + draws.below(_SCENES), lit)
    if kind == "place":
        cut: tuple[float, float, float, float] = cut_box(
            draws.between(NEAREST, FARTHEST), draws.between(-1.0, 1.0), box
        )
    else:
        high = HEIGHT * draws.between(0.12, 0.6)
        wide = min(WIDTH - 2.0, high * size[0] / size[1])
        left, top = draws.between(0, WIDTH - 1 - wide), draws.between(0, HEIGHT - 1 - high)
        cut = (left, top, left + wide, top + high)
    picture = scene.resize(size, Image.Resampling.BILINEAR, box=cut)
    picture = ImageOps.mirror(picture) if camera.mirrored else picture
    if grey:
        return picture
    bands = list(picture.split())
    if draws.chance(0.15):
        bands = [bands[k] for k in draws.permutation(3).tolist()]
    gains = [draws.between(0.7, 1.2) for _ in bands]
    return Image.merge("RGB", [band.point([min(255, round(gain * v)) for v in range(256)])
                               for band, gain in zip(bands, gains, strict=True)])  # fmt: skip


@lru_cache(maxsize=3 * _SCENES * len(Place))
def _scene(seed: int, camera: Camera) -> Image.Image:
    return draw_scene(seed % 2**63, camera)


def _blotches(
    size: tuple[int, int], cells: tuple[int, int], mode: str, span: tuple[int, int], draws: Draws
) -> Image.Image:
    """Draw random colours on a coarse grid, interpolated smoothly."""
    low, high = span
    bytes_ = ((draws.raw(cells[0] * cells[1] * len(mode)) >> np.uint64(48)).astype(np.int64) * (high - low) >> 16) + low
    shape = (cells[1], cells[0], 3) if mode == "RGB" else (cells[1], cells[0])
    return Image.fromarray(bytes_.astype(np.uint8).reshape(shape)).resize(size, Image.Resampling.BILINEAR)


def _add_passer_by(frame: _Frame, picture: Image.Image, draws: Draws, *, is_behind: bool) -> Image.Image:
    """Add another person behind or in front, beside the centre of the box."""
    seed, camera, scale, origin = frame
    person = draw_varied_person(seed, _FIRST_PASSER_BY + draws.below(_PASSERS_BY))
    seen: View = view(draws.unit(), camera.pitch)
    away = draws.between(0.2, 2.0)
    across = draws.pick((-1, 1)) * (draws.between(0.15, 0.9) if is_behind else draws.between(0.4, 0.75))
    larger = 1 - 0.08 * away if is_behind else 1 + 0.06 * away
    # The ground rises in the picture with the distance, the more the steeper the view.
    rise = scale * away * (seen.sin_pitch + 0.05) * (1 if is_behind else -1)
    canvas = Canvas(picture.size, scale * larger, (origin[0] + scale * across, origin[1] - rise), seen)
    draw_figure(canvas, person, take_pose(person, draws))
    return lay(canvas, person.looks, picture, camera, draws)
