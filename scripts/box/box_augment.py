"""Augmentation of the model in the box: what cameras, detectors and files do to a picture of a person.

All of it is drawn from (seed, step), so that a run that was stopped goes on as if it had not been.

Shapes: B pictures of H × W pixels stored, h × w given to the network; values 0 to 1 until they are normalised.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mvd.data.samples import Modality
from mvd.training.device_augment import normalise_tensor

_LUMA = torch.tensor([0.2989, 0.5870, 0.1140])
_STREAM = 0x626F78
_TEXTURES = 96
_NOISE = 1 << 23


class Augment:
    """Random crops, warps, light, colours, textures, resolution, compression and things in the way.

    Args:
        seed: of the draws.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._textures = _make_textures(seed)
        self._noise = torch.from_numpy(np.random.default_rng([seed, _STREAM, 1]).standard_normal(_NOISE, np.float32))

    def __call__(
        self,
        pictures: npt.NDArray[np.uint8],
        modalities: npt.NDArray[np.int64],
        step: int,
        *,
        size: tuple[int, int],
        share: float = 1.0,
    ) -> Tensor:
        """Augment and normalise pictures (B, H, W, 3) uint8 to a size (h, w): (B, 3, h, w) float32.

        All of them are warped, less where `share` is small; `share` of them, from 0 to 1, get the rest.
        """
        rng = np.random.default_rng([self.seed, step, _STREAM])
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        images = _warp(images, size, 0.3 + 0.7 * share, rng)
        rows = _choose(rng, len(images), share)
        if len(rows):
            images[rows] = self._spoil(images[rows], torch.from_numpy(modalities == Modality.VISIBLE)[rows], rng)
        return normalise_tensor(255 * images.permute(0, 2, 3, 1)).contiguous(memory_format=torch.channels_last)

    def _spoil(self, images: Tensor, visible: Tensor, rng: np.random.Generator) -> Tensor:
        self._texture(images, rng)
        _see_as_infrared(images, visible, rng)
        images = _relight(images, visible, rng)
        _sharpen_or_blur(images, rng)
        _lose_resolution(images, rng)
        self._add_noise(images, visible, rng)
        images = _compress(images.clamp(0, 1), visible, rng)
        return _cover(images, visible, rng)

    def _texture(self, images: Tensor, rng: np.random.Generator) -> None:
        """Multiply two of five pictures by a texture, coarse or fine: real surfaces are not flat."""
        rows = _choose(rng, len(images), 0.4)
        chosen = self._textures[rng.integers(0, _TEXTURES, len(rows))]
        high, wide = images.shape[2:]
        top, left = rng.integers(0, chosen.shape[1] - high), rng.integers(0, chosen.shape[2] - wide)
        strength = _draw(rng, len(rows), 0.02, 0.2)
        images[rows] *= 1 + strength * chosen[:, None, top : top + high, left : left + wide]

    def _add_noise(self, images: Tensor, visible: Tensor, rng: np.random.Generator) -> None:
        """Add noise from a table to a third of the pictures; that of infrared ones is grey."""
        rows = _choose(rng, len(images), 0.35)
        size = len(rows) * images[0].numel()
        start = int(rng.integers(0, _NOISE - size))
        noise = self._noise[start : start + size].view(len(rows), *images.shape[1:])
        noise = torch.where(visible[rows, None, None, None], noise, noise[:, :1])
        images[rows] += _draw(rng, len(rows), 0.0, 0.05) * noise


def _choose(rng: np.random.Generator, size: int, share: float) -> Tensor:
    """Choose a share of the rows."""
    return torch.from_numpy(np.flatnonzero(rng.random(size) < share))


def _draw(rng: np.random.Generator, size: int, low: float, high: float) -> Tensor:
    """Draw from low … high for each picture, (B, 1, 1, 1)."""
    return torch.from_numpy(rng.uniform(low, high, (size, 1, 1, 1))).float()


def _some(
    rng: np.random.Generator, size: int, share: float, low: float, high: float, *, otherwise: float = 0.0
) -> Tensor:
    """Draw from low … high for a share of the pictures, (B, 1, 1, 1); the others get `otherwise`."""
    drawn = np.where(rng.random(size) < share, rng.uniform(low, high, size), otherwise)
    return torch.from_numpy(drawn).float()[:, None, None, None]


def _warp(images: Tensor, to: tuple[int, int], strength: float, rng: np.random.Generator) -> Tensor:
    """Crop, mirror, turn and shear: a box that misses, a camera that hangs askew, a view from near above."""
    size = len(images)

    def drawn(middle: float, spread: float) -> Tensor:
        spread *= strength
        return torch.from_numpy(rng.uniform(middle - spread, middle + spread, size)).float()[:, None, None]

    y = torch.linspace(-1, 1, to[0])[None, :, None]
    x = (
        torch.linspace(-1, 1, to[1])[None, None, :]
        * torch.from_numpy(rng.choice([-1.0, 1.0], size)).float()[:, None, None]
    )
    tall, wide = drawn(0.94, 0.14), drawn(0.95, 0.17)
    turned, trapezoid = drawn(0.0, 0.1), drawn(0.0, 0.14)
    right = wide * x * (1 + trapezoid * y) + turned * y * 2 + drawn(0.0, 0.12)
    down = tall * y - turned * x / 2 + drawn(0.0, 0.1)
    grid = torch.stack([right, down.expand_as(right)], dim=-1)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _see_as_infrared(images: Tensor, visible: Tensor, rng: np.random.Generator) -> None:
    """Turn three of ten visible pictures into grey ones by a random weight for each colour, of either sign.

    What is dark to the eye can be bright in the infrared, so the order of brightnesses is nothing to go by.
    """
    rows = torch.from_numpy(np.flatnonzero((rng.random(len(images)) < 0.3) & visible.numpy()))
    if not len(rows):
        return
    weights = torch.from_numpy(rng.standard_normal((len(rows), 3))).float()
    grey = torch.einsum("bchw,bc->bhw", images[rows], weights)
    deviation, mean = torch.std_mean(grey, dim=(1, 2), keepdim=True, correction=0)
    grey = 0.45 + 0.22 * (grey - mean) / (deviation + 0.02)
    images[rows] = grey.clamp(0, 1)[:, None].expand(-1, 3, -1, -1)


def _relight(images: Tensor, visible: Tensor, rng: np.random.Generator) -> Tensor:
    """Change brightness, contrast, gamma and, of visible pictures, colours; some visible ones become grey."""
    size, only = len(images), visible[:, None, None].float()
    # All but gamma is linear: one matrix for each picture.
    keep = _some(rng, size, 0.7, 0.5, 1.8, otherwise=1.0)[:, 0] * torch.from_numpy(rng.random((size, 1, 1)) >= 0.2)
    keep = torch.where(only > 0, keep, torch.ones(()))
    mix = keep * torch.eye(3) + (1 - keep) * _LUMA.expand(3, 3)
    exchanged = torch.from_numpy(rng.random((size, 1, 1)) < 0.1) & (only > 0)
    mix = torch.where(exchanged, torch.eye(3)[rng.integers(0, 3, size)][:, None], mix)
    gain = 2 ** (_some(rng, size, 0.7, -0.45, 0.45)[:, 0] + only * _draw(rng, size * 3, -0.12, 0.12).view(size, 3, 1))
    contrast = _some(rng, size, 0.7, 0.7, 1.6, otherwise=1.0)[:, 0]
    matrix = contrast * gain.float() * mix.float()
    flat = images.flatten(2)
    mean = (gain.float() * mix.float() @ flat.mean(dim=2, keepdim=True)).mean(dim=1, keepdim=True)
    images = torch.baddbmm((1 - contrast) * mean, matrix, flat).view_as(images)
    rows = _choose(rng, size, 0.5)
    images[rows] = images[rows].clamp(1e-3, 1) ** (2 ** _draw(rng, len(rows), -0.5, 0.5))
    return images


def _sharpen_or_blur(images: Tensor, rng: np.random.Generator) -> None:
    """Move half of the pictures towards their blurred version, or away from it as cameras that sharpen do."""
    rows = _choose(rng, len(images), 0.5)
    own = images[rows]
    small = F.interpolate(F.avg_pool2d(own, 2), size=own.shape[2:], mode="bilinear", align_corners=False)
    images[rows] = torch.lerp(own, small, _draw(rng, len(rows), -1.2, 1.0))


def _lose_resolution(images: Tensor, rng: np.random.Generator) -> None:
    """Scale three of four pictures down and up again."""
    for group in np.array_split(rng.permutation(len(images)), 4)[1:]:
        if not len(group):
            continue
        high, rows = int(images.shape[2] * rng.uniform(0.28, 0.94)), torch.from_numpy(group)
        small = F.interpolate(images[rows], size=(high, high // 2), mode="bilinear", antialias=True)
        mode = "bilinear" if rng.random() < 0.85 else "nearest"
        images[rows] = F.interpolate(small, size=images.shape[2:], mode=mode)


def _compress(images: Tensor, visible: Tensor, rng: np.random.Generator) -> Tensor:
    """Write and read two of five pictures as JPEG."""
    for row in np.flatnonzero(rng.random(len(images)) < 0.4):
        array = (images[row] * 255).byte().permute(1, 2, 0).numpy()
        picture, file = Image.fromarray(array if visible[row] else array[:, :, 0]), io.BytesIO()
        picture.save(file, "JPEG", quality=int(rng.integers(12, 75)))
        read = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
        images[row] = read.permute(2, 0, 1).float() / 255
    return images


def _cover(images: Tensor, visible: Tensor, rng: np.random.Generator) -> Tensor:
    """Lay a rectangle of another picture, or of one colour, over three of ten pictures."""
    order = rng.permutation(len(images))
    source = images.clone()
    rows, columns = images.shape[2:]
    for row in np.flatnonzero(rng.random(len(images)) < 0.3):
        high, wide = int(rng.uniform(0.1, 0.55) * rows), int(rng.uniform(0.12, 0.6) * columns)
        top, left = int(rng.integers(0, rows - high + 1)), int(rng.integers(0, columns - wide + 1))
        if rng.random() < 0.6:
            patch = source[order[row], :, top : top + high, left : left + wide]
        else:
            patch = torch.from_numpy(rng.random((3, 1, 1))).float().expand(3, high, wide)
        patch = patch if visible[row] else patch.mean(dim=0, keepdim=True)
        images[row, :, top : top + high, left : left + wide] = patch
    return images


def _make_textures(seed: int) -> Tensor:
    """Make textures (n, 192, 128) of noise at several scales, with mean 0 and deviation 1."""
    rng = np.random.default_rng([seed, _STREAM])
    textures = torch.zeros(_TEXTURES, 192, 128)
    for cell in (2, 4, 8, 16, 32):
        grid = torch.from_numpy(rng.standard_normal((_TEXTURES, 1, 192 // cell, 128 // cell), np.float32))
        weight = torch.from_numpy(rng.random((_TEXTURES, 1, 1)) ** 2).float()
        textures += weight * F.interpolate(grid, size=(192, 128), mode="bicubic", align_corners=False)[:, 0]
    return (textures - textures.mean(dim=(1, 2), keepdim=True)) / textures.std(dim=(1, 2), keepdim=True)
