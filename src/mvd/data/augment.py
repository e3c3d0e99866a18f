"""Draw the augmentation of a batch: a pure function of (seed, step).

Draws are made on the CPU and without a framework, so that they are the same on every device and after every resume.
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

_STREAM = 0x617567  # separates these draws from those of the batches, which have the same seed
_ERASE_LOG_ASPECT = -np.log(0.3)  # height : width from 0.3 to 1 / 0.3, Zhong et al. 2020


class AugmentDraws(NamedTuple):
    """Augmentation of each picture of a batch.

    Attributes:
        top: (B,) int64, first row of the crop in the padded picture, 0 … 2·pad.
        left: (B,) int64, first column of it.
        flip: (B,) bool, whether to flip left and right.
        channel: (B,) int64, KEEP_COLOURS, a channel 0, 1, 2 to show in all three, or GREY.
        erase: (B, 4) int64, top, left, height and width of the rectangle to overwrite; height 0 for none.
    """

    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    flip: npt.NDArray[np.bool_]
    channel: npt.NDArray[np.int64]
    erase: npt.NDArray[np.int64]


def draw_augmentation(
    config: AugmentConfig, modalities: npt.NDArray[np.int64], height: int, width: int, *, seed: int, step: int
) -> AugmentDraws:
    """Draw the augmentation of one batch.

    Args:
        config: probabilities and sizes.
        modalities: (B,) `Modality` of each picture; only visible ones have colours to exchange.
        height: H.
        width: W.
        seed: the run's seed.
        step: the step, from 0, counted over all epochs.
    """
    rng = np.random.default_rng([seed, step, _STREAM])
    size = len(modalities)
    top, left = rng.integers(0, 2 * config.pad + 1, (2, size))
    flip = rng.random(size) < config.flip
    exchanged = (rng.random(size) < config.exchange) & (modalities == Modality.VISIBLE)
    channel = np.where(exchanged, rng.integers(0, GREY + 1, size), KEEP_COLOURS)
    erase = _draw_erase(config, size, height, width, rng)
    channel[(rng.random(size) < config.grey) & (modalities == Modality.VISIBLE)] = GREY
    return AugmentDraws(top, left, flip, channel, erase)


def _draw_erase(
    config: AugmentConfig, size: int, height: int, width: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    erased = rng.random(size) < config.erase
    area = rng.uniform(*config.erase_area, size) * height * width
    aspect = np.exp(rng.uniform(-_ERASE_LOG_ASPECT, _ERASE_LOG_ASPECT, size))
    # A rectangle that does not fit is clipped, not drawn again, which keeps the number of draws fixed.
    tall = np.clip(np.rint(np.sqrt(area * aspect)), 1, height).astype(np.int64)
    wide = np.clip(np.rint(np.sqrt(area / aspect)), 1, width).astype(np.int64)
    top = rng.integers(0, height - tall + 1)
    left = rng.integers(0, width - wide + 1)
    return np.stack([top, left, np.where(erased, tall, 0), wide], axis=1)
