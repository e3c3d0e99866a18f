"""Random numbers that depend only on their key and are the same on every machine.

Each person, picture and scene has its own stream of NumPy's Philox generator, keyed by the seed and the purpose, so
results depend neither on the order of pictures nor on the number of processes. Only raw 64-bit words are used, which
NumPy guarantees not to change; a shift and a product, which are exact, convert them to fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")
_BLOCK = 128  # words fetched at a time: one picture needs about a hundred
_FRACTION = 2.0**-53


class Purpose(IntEnum):
    """The purpose of a stream. The values are part of the key and must not change."""

    PERSON = 1
    PICTURE = 2
    SCENE = 3
    NOISE = 4
    GALLERY = 5
    TRIAL = 6
    VARIED_PERSON = 7


class Draws:
    """A stream of random draws for one purpose.

    Args:
        seed: seed of the data set, 0…2^64 − 1.
        purpose: the purpose.
        identity, camera, picture: further parts of the key, below 2^24, 2^8 and 2^24.
    """

    def __init__(self, seed: int, purpose: Purpose, *, identity: int = 0, camera: int = 0, picture: int = 0) -> None:
        packed = (int(purpose) << 56) | (identity << 32) | (camera << 24) | picture
        self._generator = np.random.Philox(key=np.array([seed, packed], dtype=np.uint64))
        self._words: list[float] = []

    def unit(self) -> float:
        """Draw uniformly from [0, 1)."""
        if not self._words:
            # Reversed, so that pop() from the end follows the order of the stream.
            self._words = ((self.raw(_BLOCK) >> np.uint64(11)) * _FRACTION)[::-1].tolist()
        return self._words.pop()

    def between(self, low: float, high: float) -> float:
        """Draw uniformly from [low, high)."""
        return low + (high - low) * self.unit()

    def spread(self, size: float) -> float:
        """Draw from a triangular distribution over (−size, size)."""
        return size * (self.unit() + self.unit() - 1.0)

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.unit() < probability

    def below(self, limit: int) -> int:
        """Draw an integer uniformly from 0…limit − 1."""
        return int(self.unit() * limit)

    def pick(self, choices: Sequence[_T]) -> _T:
        """Draw one of the choices uniformly."""
        return choices[self.below(len(choices))]

    def weigh(self, choices: Sequence[tuple[_T, float]]) -> _T:
        """Draw one of (choice, weight), with probabilities proportional to the weights."""
        point = self.unit() * sum(weight for _, weight in choices)
        for choice, weight in choices:
            point -= weight
            if point < 0:
                return choice
        return choices[-1][0]

    def raw(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        """Draw (size,) raw words of 64 bits."""
        return np.asarray(self._generator.random_raw(size), dtype=np.uint64).reshape(size)

    def permutation(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Draw a permutation of 0…size − 1, by sorting raw words."""
        return np.argsort(self.raw(size), kind="stable").reshape(size)
