"""Augment and normalise a batch of uint8 pictures on the host; the PyTorch engine does this on the device.

Random draws (`mvd.data.augment`) and float32 arithmetic (`mvd.training.device_augment`) are the same.

Shapes: B batch, H × W pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mvd.config import AugmentConfig
from mvd.data.augment import GREY, KEEP_COLOURS, AugmentDraws
from mvd.data.images import MEAN, STD

Pixels = npt.NDArray[np.uint8]
Images = npt.NDArray[np.float32]

_LUMA = np.array((0.2989, 0.5870, 0.1140), np.float32)
_MEAN = np.array(MEAN, np.float32) * np.float32(255)
_STD = np.array(STD, np.float32) * np.float32(255)


def augment(pictures: Pixels, draws: AugmentDraws, config: AugmentConfig) -> Images:
    """Augment each picture by its random draws, and normalise.

    Args:
        pictures: (B, H, W, 3) uint8.
        draws: the random draws.
        config: the configuration of the draws.

    Returns:
        (B, 3, H, W) float32.

    >>> from mvd.data.augment import draw_augmentation
    >>> config = AugmentConfig(pad=0, flip=0, exchange=0, erase=0)
    >>> draws = draw_augmentation(config, np.zeros(1, np.int64), 4, 2, seed=0, step=0)
    >>> print(round(augment(np.zeros((1, 4, 2, 3), np.uint8), draws, config)[0, 2, 0, 0].item(), 4))
    -1.8044
    """
    images = _exchange(_crop(pictures, draws, config.pad).astype(np.float32), draws.channel)
    if config.streams > 3:
        images = np.minimum(images * (draws.brightness[:, None, None, None] / 1000).astype(np.float32), 255)
    return _channels_first(_erase((images - _MEAN) / _STD, draws.erase, config.erase_value))


def normalise(pictures: Pixels) -> Images:
    """Normalise pictures (B, H, W, 3) by ImageNet's mean and standard deviation to (B, 3, H, W) float32."""
    return _channels_first((pictures.astype(np.float32) - _MEAN) / _STD)


def _crop(pictures: Pixels, draws: AugmentDraws, pad: int) -> Pixels:
    batch, height, width, _ = pictures.shape
    columns = np.arange(width)
    x = draws.left[:, None] + np.where(draws.flip[:, None], columns[::-1], columns)
    y = draws.top[:, None] + np.arange(height)
    padded = np.pad(pictures, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    cropped: Pixels = padded[np.arange(batch)[:, None, None], y[:, :, None], x[:, None, :]]
    return cropped


def _exchange(images: Images, channel: npt.NDArray[np.int64]) -> Images:
    """Copy one channel, or grey, to all three: (B, H, W, 3) to (B, H, W, 3), 0 … 255."""
    sources = np.concatenate([images, (images @ _LUMA)[..., None]], axis=-1)
    index = np.clip(channel, 0, GREY)[:, None, None, None]
    chosen = np.take_along_axis(sources, np.broadcast_to(index, (*images.shape[:3], 1)), axis=-1)
    return np.where((channel == KEEP_COLOURS)[:, None, None, None], images, chosen)


def _erase(images: Images, boxes: npt.NDArray[np.int64], value: tuple[float, float, float]) -> Images:
    for image, (top, left, height, width) in zip(images, boxes.tolist(), strict=True):
        image[top : top + height, left : left + width] = value
    return images


def _channels_first(images: Images) -> Images:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
