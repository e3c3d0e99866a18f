"""Draw the augmentation of a batch: a pure function of (seed, step).

Draws are made on the CPU and without a framework, so that they are the same on every device and in a resumed run.
`mvd.training.device_augment` applies them to a whole batch.

Shapes: B pictures of H × W pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.config import AugmentConfig
from mvd.data.samples import Modality

KEEP_COLOURS, GREY = -1, 3
AGAIN = 2
"""Added to the modality of the second view of a picture in a batch."""

_BRIGHTER = 0.5  # the largest change of brightness, as in MSCMNet

_STREAM = 0x617567  # separates these draws from those of the batches, which use the same seed
_ERASE_LOG_ASPECT = -np.log(0.3)  # height : width from 0.3 to 1 / 0.3, Zhong et al. 2020


class AugmentDraws(NamedTuple):
    """Augmentation of each picture of a batch.

    Attributes:
        top: (B,) int64, first row of the crop in the padded picture, 0 … 2·pad.
        left: (B,) int64, first column of the crop.
        flip: (B,) bool, whether to flip left and right.
        channel: (B,) int64, KEEP_COLOURS, a channel 0, 1, 2 to show in all three, or GREY.
        erase: (B, 4) int64, top, left, height and width of the rectangle to overwrite; height 0 for none.
        brightness: (B,) int64, the factor of all channels, in thousandths.
        swap: (B,) bool, whether to take the low frequencies' amplitudes from the same column of the other modality.
    """

    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    flip: npt.NDArray[np.bool_]
    channel: npt.NDArray[np.int64]
    erase: npt.NDArray[np.int64]
    brightness: npt.NDArray[np.int64]
    swap: npt.NDArray[np.bool_]


def draw_augmentation(
    config: AugmentConfig, streams: npt.NDArray[np.int64], height: int, width: int, *, seed: int, step: int
) -> AugmentDraws:
    """Draw the augmentation of one batch.

    Args:
        config: probabilities and sizes.
        streams: (B,) `Modality` of each picture, + AGAIN for a second view; channels are exchanged only in visible
            pictures.
        height: H.
        width: W.
        seed: seed of the run.
        step: the step, from 0, counted over all epochs.
    """
    rng = np.random.default_rng([seed, step, _STREAM])
    size = len(streams)
    visible = streams == Modality.VISIBLE
    top, left = rng.integers(0, 2 * config.pad + 1, (2, size))
    flip = rng.random(size) < config.flip
    exchanged = (rng.random(size) < config.exchange) & visible
    channel = np.where(exchanged, rng.integers(0, GREY + 1, size), KEEP_COLOURS)
    erase = _draw_erase(config, size, height, width, rng)
    channel[(rng.random(size) < config.grey) & visible] = GREY
    brightness = np.full(size, 1000)
    # New draws come last, so that they do not change the draws of configurations without them.
    if config.streams > 2:
        channel = np.where(streams == Modality.VISIBLE + AGAIN, rng.integers(0, GREY, size), channel)
    if config.streams > 3:
        drawn = np.rint(1000 * rng.uniform(1 - _BRIGHTER, 1 + _BRIGHTER, size)).astype(np.int64)
        brightness = np.where(streams == Modality.INFRARED + AGAIN, drawn, brightness)
    swap = rng.random(size) < config.amplitude if config.amplitude else np.zeros(size, bool)
    return AugmentDraws(top, left, flip, channel, erase, brightness, swap)


def batch_streams(streams: int, half: int) -> npt.NDArray[np.int64]:
    """List the stream of each row of a batch: its modality, + AGAIN for a second view; visible and infrared first.

    Args:
        streams: number of streams, 2 to 4.
        half: rows per stream.

    >>> batch_streams(3, half=2)
    array([0, 0, 1, 1, 2, 2])
    """
    return np.repeat(np.arange(streams), half)


def _draw_erase(
    config: AugmentConfig, size: int, height: int, width: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    erased = rng.random(size) < config.erase
    area = rng.uniform(*config.erase_area, size) * height * width
    aspect = np.exp(rng.uniform(-_ERASE_LOG_ASPECT, _ERASE_LOG_ASPECT, size))
    # A rectangle that does not fit is clipped instead of redrawn, so that the number of draws is fixed.
    tall = np.clip(np.rint(np.sqrt(area * aspect)), 1, height).astype(np.int64)
    wide = np.clip(np.rint(np.sqrt(area / aspect)), 1, width).astype(np.int64)
    top = rng.integers(0, height - tall + 1)
    left = rng.integers(0, width - wide + 1)
    return np.stack([top, left, np.where(erased, tall, 0), wide], axis=1)
