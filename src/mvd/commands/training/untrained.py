"""Descriptors without training, as reference in the benchmark's table: chance, and colour histograms."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mvd.data.pictures import Batch, Pictures

_STRIPS, _BINS = 6, 8
_WIDTH = 64
_AT_A_TIME = 256


def chance(count: int, seed: int) -> npt.NDArray[np.float32]:
    """Draw random vectors (count, 64) of uniform direction."""
    return np.random.default_rng([seed, 0x6368616E]).normal(size=(count, _WIDTH)).astype(np.float32)


def colour_histograms(pictures: Pictures) -> npt.NDArray[np.float32]:
    """Compute the colour histogram of each picture, (N, 144) of length 1.

    Each of six horizontal strips has eight bins for each of red, green and blue. The bins hold square roots, so that an
    inner product is the Bhattacharyya coefficient, averaged over strips and colours.

    Example:
        >>> from mvd.data.pictures import PictureArray
        >>> colour_histograms(PictureArray(np.zeros((2, 12, 6, 3), np.uint8))).shape
        (2, 144)
    """
    return np.concatenate([_histograms(batch) for batch in pictures.batches(_AT_A_TIME)])


def _histograms(batch: Batch) -> npt.NDArray[np.float32]:
    count, height = batch.shape[:2]
    binned = batch.astype(np.int64) * _BINS // 256
    bounds = [strip * height // _STRIPS for strip in range(_STRIPS + 1)]
    parts = []
    for first, last in pairwise(bounds):
        pixels = binned[:, first:last].reshape(count, -1, 3)
        shares = (pixels[..., None] == np.arange(_BINS)).mean(axis=1)
        parts.append(np.sqrt(shares).reshape(count, -1))
    joined: npt.NDArray[np.float32] = (np.concatenate(parts, axis=1) / np.sqrt(3 * _STRIPS)).astype(np.float32)
    return joined
