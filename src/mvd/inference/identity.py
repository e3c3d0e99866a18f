"""The identity of a model, which determines whether embeddings are comparable. Requires no framework.

Shapes: D width of an embedding, H × W pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.config import ModelConfig, RunConfig
from mvd.metrics.projection import Projection
from mvd.runs import OPTIMIZER_PREFIX

_SHOWN = 12


@dataclass(frozen=True)
class ModelIdentity:
    """The identity of a model. Embeddings are comparable if the fingerprints of their models are equal.

    Attributes:
        name: display name: a run's folder, a file's stem, OWNER/NAME on the hub, or "rendered".
        fingerprint: SHA-256 in hexadecimal digits over names and bytes of the weights, including a projection.
        width: D.
        size: (H, W), the input size.

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


class Identified:
    """Base of the networks that `open_model` returns: what follows from a model's identity.

    Attributes:
        identity: the model's.
    """

    identity: ModelIdentity

    @property
    def size(self) -> tuple[int, int]:
        """(H, W), the input size."""
        return self.identity.size

    @property
    def width(self) -> int:
        """D, the width of the embeddings."""
        return self.identity.width


def fingerprint_tensors(tensors: Mapping[str, npt.NDArray[Any]], *notes: str) -> str:
    """Compute the fingerprint of weights: SHA-256 over names, types, shapes and bytes, in the order of the names.

    Args:
        tensors: arrays by name.
        notes: other data that determines the embeddings, such as the configuration of the network.

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


def fingerprint_weights(tensors: Mapping[str, npt.NDArray[Any]], config: RunConfig) -> str:
    """Compute the fingerprint of a network, from its weights and the non-default fields of its configuration.

    Args:
        tensors: tensors of the network by name; optimizer state is ignored.
        config: configuration of the network and of H × W.
    """
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}
    standard, own = ModelConfig(), config.model
    names = [field.name for field in fields(own)]
    changed = {name: getattr(own, name) for name in names if getattr(own, name) != getattr(standard, name)}
    return fingerprint_tensors(kept, json.dumps(changed, sort_keys=True), f"{config.data.height}×{config.data.width}")


def fingerprint_projected(weights: str, projection: Projection | None) -> str:
    """Combine the fingerprint of a network with its projection, if it has one."""
    if projection is None:
        return weights
    return fingerprint_tensors({"mean": projection.mean, "matrix": projection.matrix}, weights)
