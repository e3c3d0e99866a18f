"""The image formation of a camera: colours or grey values of materials, light, shadow, occluders, exposure.

Only lookup tables, integer operations of Pillow and the noise table are used, so pictures are reproducible.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from mvd.data.samples import Modality
from mvd.synthetic.cameras import Camera
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.people.canvas import FACING, TURNED, Canvas
from mvd.synthetic.people.person import Look, Material
from mvd.synthetic.randomness import Draws, Purpose

_NOISE_SIDE = 1 << 20
_NOISE_SPREAD = 209  # standard deviation of the noise table's values
COVERED = [0] + [255] * 255
"""Lookup table from labels to a mask of covered pixels."""


def cast_shadow(size: tuple[int, int], scale: float, left: float, bottom: float, spec: Camera) -> Image.Image:
    """Draw the shadow around the feet, at a quarter of the resolution."""
    small = (max(2, size[0] // 4), max(2, size[1] // 4))
    shadow = Image.new("L", small, 255)
    x, y = (-left + 0.12 * spec.side) * scale / 4, small[1] + (bottom - 0.02) * scale / 4
    wide, high = (0.34 + 0.1 * abs(spec.side)) * scale / 4, 0.08 * scale / 4
    box = (round(x - wide), round(y - high), round(x + wide), round(y + high))
    ImageDraw.Draw(shadow).ellipse(box, fill=120)
    return shadow.filter(ImageFilter.BoxBlur(2)).resize(size, Image.Resampling.BILINEAR)


def lay(
    canvas: Canvas, looks: dict[Material, Look], background: Image.Image, spec: Camera, draws: Draws
) -> Image.Image:
    """Paint and light a figure, and composite it over a background."""
    figure = paint(canvas.labels, looks, spec)
    figure = ImageChops.multiply(figure, like(light(canvas.shades, spec, draws), figure.mode))
    mask = canvas.labels.point(COVERED).reduce(2)
    return ImageChops.add(figure, ImageChops.multiply(background, like(ImageChops.invert(mask), figure.mode)))


def paint(labels: Image.Image, looks: dict[Material, Look], spec: Camera) -> Image.Image:
    """Map materials to colours or grey values, and halve the resolution; uncovered pixels stay black."""
    if spec.modality is Modality.INFRARED:
        greys = [0] * 256
        for material, look in looks.items():
            greys[material] = look.heat if spec.thermal else look.infrared
        return labels.point(greys).reduce(2)
    palette = [0] * 768
    for material, look in looks.items():
        palette[3 * material : 3 * material + 3] = look.colour
    coloured = labels.copy()
    coloured.putpalette(palette)
    return coloured.convert("RGB").reduce(2)


def light(shades: Image.Image, spec: Camera, draws: Draws) -> Image.Image:
    """Compute the light on surfaces from their orientation, and multiply by the folds of cloth."""
    side = 0.0 if spec.thermal else max(-0.9, min(0.9, spec.side + draws.spread(0.25)))
    ambient = 0.72 if spec.thermal else spec.ambient
    ahead = sqrt(1 - side * side)
    table = []
    for code in range(256):
        turned = max(-1.0, min(1.0, (code - FACING) / TURNED))
        direct = max(0.0, side * turned + ahead * sqrt(1 - turned * turned))
        table.append(round(255 * min(1.0, ambient + (1 - ambient) * direct)))
    lit = shades.filter(ImageFilter.BoxBlur(1)).point(table)
    grain = _grain()
    x, y = draws.below(grain.width - shades.width), draws.below(grain.height - shades.height)
    return ImageChops.multiply(lit, grain.crop((x, y, x + shades.width, y + shades.height)))


def occlude(config: SyntheticConfig, canvas: Canvas, draws: Draws) -> dict[Material, Look]:
    """Draw an occluder with the configured probability; return the looks of its materials."""
    if not draws.chance(config.difficulty.occlusion):
        return {}
    side, infrared = draws.pick((-1, 1)), draws.below(130) + 60
    match draws.below(3):
        case 0:  # a pillar
            colour = (176, 170, 158)
            x = side * draws.between(0.2, 0.34)
            canvas.polygon(_box(x - 0.09, -1.0, x + 0.09, 3.0), Material.OCCLUDER, -0.3)
            canvas.polygon(_box(x + 0.05, -1.0, x + 0.09, 3.0), Material.OCCLUDER_TRIM)
        case 1:  # a railing
            colour = (96, 104, 112)
            for y in (0.35, 0.6, 0.85):
                canvas.polygon(_box(-2.0, y, 2.0, y + 0.035), Material.OCCLUDER, 0.0)
            post = draws.between(-0.3, 0.3)
            canvas.polygon(_box(post - 0.03, -1.0, post + 0.03, 0.92), Material.OCCLUDER_TRIM, 0.0)
        case _:  # a bush
            colour = (78, 112, 54)
            for _ in range(26):
                spot = (side * draws.between(0.12, 0.5), draws.between(-0.05, 0.45))
                canvas.disc(spot, 0.08, 0.07, draws.pick((Material.OCCLUDER, Material.OCCLUDER_TRIM)))
    r, g, b = colour
    return {
        Material.OCCLUDER: Look(colour, infrared, 66),
        Material.OCCLUDER_TRIM: Look((r * 3 // 4, g * 3 // 4, b * 3 // 4), infrared * 3 // 4, 60),
    }


def record(config: SyntheticConfig, spec: Camera, picture: Image.Image, draws: Draws) -> npt.NDArray[np.uint8]:
    """Apply uneven light, gains, blur, loss of resolution and noise."""
    knobs = config.difficulty
    weakest = 255 if spec.thermal else round(232 - 90 * spec.falloff)
    corners = bytes(weakest + draws.below(256 - weakest) for _ in range(4))
    uneven = Image.frombytes("L", (2, 2), corners).resize(picture.size, Image.Resampling.BILINEAR)
    picture = ImageChops.multiply(picture, like(uneven, picture.mode))
    exposure = draws.between(*spec.exposure)
    gains = [gain * exposure * (1 + draws.spread(0.05)) for gain in spec.gains[: len(picture.getbands())]]
    picture = picture.point([min(255, round(gain * value)) for gain in gains for value in range(256)])
    blur = knobs.blur * draws.between(0.0, 0.75)
    keep = 1.0 / (1.0 + knobs.blur * (draws.between(0.0, 0.8) if draws.chance(0.35) else 0.0))
    if keep < 0.95:
        size = picture.size
        low = (max(8, round(keep * size[0])), max(16, round(keep * size[1])))
        picture = picture.resize(low, Image.Resampling.BILINEAR).resize(size, Image.Resampling.BILINEAR)
    if blur > 0.15:
        picture = picture.filter(ImageFilter.BoxBlur(blur))
    values = np.asarray(picture)
    strength = round(knobs.noise * spec.noise * draws.between(0.5, 1.3) * 4096 / _NOISE_SPREAD)
    start = draws.below(_NOISE_SIDE - values.size)
    noise = (_noise()[start : start + values.size] * strength) >> 12
    noisy = np.clip(values + noise.reshape(values.shape), 0, 255).astype(np.uint8)
    return np.repeat(noisy[:, :, None], 3, axis=2) if noisy.ndim == 2 else noisy


@lru_cache(maxsize=1)
def _noise() -> npt.NDArray[np.int32]:
    """Create the noise table shared by all pictures: sums of eight bytes are nearly normally distributed."""
    words = Draws(0, Purpose.NOISE).raw(_NOISE_SIDE)
    sums = words.astype("<u8").view(np.uint8).reshape(-1, 8).sum(axis=1, dtype=np.int32)
    return np.asarray(sums - 1020, dtype=np.int32)


@lru_cache(maxsize=1)
def _grain() -> Image.Image:
    """Create the texture of cloth folds shared by all pictures: coarse, elongated, slightly darker blotches."""
    coarse = (Draws(0, Purpose.NOISE, picture=1).raw(96 * 64) >> np.uint64(56)).astype(np.int64)
    values = (255 - coarse * 44 // 256).astype(np.uint8).reshape(64, 96)
    return Image.fromarray(values).resize((960, 1024), Image.Resampling.BILINEAR)


def like(grey: Image.Image, mode: str) -> Image.Image:
    """Convert a grey map to the mode of the picture that it is multiplied with."""
    return grey if mode == "L" else Image.merge("RGB", (grey, grey, grey))


def _box(left: float, low: float, right: float, high: float) -> list[tuple[float, float]]:
    return [(left, low), (left, high), (right, high), (right, low)]
