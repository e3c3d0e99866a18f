"""Random numbers that depend on their purpose alone and are the same on every machine.

Each person, picture and scene has its own stream of NumPy's Philox generator, keyed by the seed and by what is drawn,
so neither the order of pictures nor the number of processes matters. Only the raw 64-bit words are used, which NumPy
promises not to change; they become fractions by a shift and a product, which are exact.
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
    """What a stream is for; part of its key, so the numbers must not change."""

    PERSON = 1
    PICTURE = 2
    SCENE = 3
    NOISE = 4
    GALLERY = 5
    TRIAL = 6
    VARIED_PERSON = 7


class Draws:
    """A stream of draws for one purpose.

    Args:
        seed: the data set's seed, 0…2^64 − 1.
        purpose: what is drawn.
        identity, camera, picture: which one; below 2^24, 2^8 and 2^24.
    """

    def __init__(self, seed: int, purpose: Purpose, *, identity: int = 0, camera: int = 0, picture: int = 0) -> None:
        packed = (int(purpose) << 56) | (identity << 32) | (camera << 24) | picture
        self._generator = np.random.Philox(key=np.array([seed, packed], dtype=np.uint64))
        self._words: list[float] = []

    def unit(self) -> float:
        """Draw from [0, 1)."""
        if not self._words:
            # Reversed, so that pop() from the end follows the order of the stream.
            self._words = ((self.raw(_BLOCK) >> np.uint64(11)) * _FRACTION)[::-1].tolist()
        return self._words.pop()

    def between(self, low: float, high: float) -> float:
        """Draw from [low, high)."""
        return low + (high - low) * self.unit()

    def spread(self, size: float) -> float:
        """Draw from (−size, size), the middle being likelier: the mean of two even draws."""
        return size * (self.unit() + self.unit() - 1.0)

    def chance(self, probability: float) -> bool:
        """Draw true with this probability."""
        return self.unit() < probability

    def below(self, limit: int) -> int:
        """Draw from 0…limit − 1."""
        return int(self.unit() * limit)

    def pick(self, choices: Sequence[_T]) -> _T:
        """Draw one of the choices, each as likely."""
        return choices[self.below(len(choices))]

    def weigh(self, choices: Sequence[tuple[_T, float]]) -> _T:
        """Draw one of (choice, weight) in proportion to the weights."""
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
        """Draw an order of 0…size − 1, by sorting raw words."""
        return np.argsort(self.raw(size), kind="stable").reshape(size)
