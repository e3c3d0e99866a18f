"""The identity of a model: which embeddings can be compared with which. Needs no framework.

Shapes: D width of an embedding, H × W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_SHOWN = 12


@dataclass(frozen=True)
class ModelIdentity:
    """A model that made embeddings. Embeddings can be compared where the fingerprints are equal.

    Attributes:
        name: for people: a run's folder, a file's stem, OWNER/NAME on the hub, or "rendered".
        fingerprint: SHA-256, in hexadecimal digits, over names and bytes of the weights, a projection included.
        width: D.
        size: (H, W) of the pictures that it takes.

    >>> str(ModelIdentity("night", "81f0" * 16, 512, (288, 144)))
    'night (81f081f081f0), 512 wide, pictures of 288×144'
    """

    name: str
    fingerprint: str
    width: int
    size: tuple[int, int]

    def __str__(self) -> str:
        height, width = self.size
        return f"{self.name} ({self.fingerprint[:_SHOWN]}), {self.width} wide, pictures of {height}×{width}"


def fingerprint_tensors(tensors: Mapping[str, npt.NDArray[Any]], *notes: str) -> str:
    """Compute the fingerprint of weights: SHA-256 over names, types, shapes and bytes, in the order of the names.

    Args:
        tensors: arrays by name.
        notes: what else decides the embeddings, such as the configuration of the network.

    >>> weights = {"a": np.zeros(2, np.float32), "b": np.ones(1, np.float32)}
    >>> fingerprint_tensors(weights) == fingerprint_tensors(dict(reversed(weights.items())))
    True
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{name}\0{array.dtype.str}{array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    for note in notes:
        digest.update(f"\0{note}".encode())
    return digest.hexdigest()
