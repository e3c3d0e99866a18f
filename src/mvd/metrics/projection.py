"""Projection: reduce the width of embeddings by principal components, learnt on training pictures.

Embeddings of MVD with ResNet-50 have 8192 components; most of the discriminative variance is in a few hundred
directions.

Shapes: N embeddings, D their width, W the width after projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mvd.errors import ProtocolError
from mvd.metrics.distances import unit_rows

WHITENING = 0.0
"""Exponent of whitening, from 0 (none) to 1 (equal variances); chosen by measurement (BENCHMARKS.md)."""

_SAME = 1e-12  # squared distance from the mean up to which float32 embeddings are the same
_FLOOR = 1e-3  # fraction of the largest variance; directions with less are noise


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """A projection of embeddings: x ↦ (x / ‖x‖ − mean) · matrix, scaled to length 1.

    Attributes:
        mean: (D,) float32.
        matrix: (D, W) float32.
        kept: fraction of the training pictures' variance that is kept.
    """

    mean: npt.NDArray[np.float32]
    matrix: npt.NDArray[np.float32]
    kept: float

    @property
    def width(self) -> int:
        """W."""
        return int(self.matrix.shape[1])

    def __call__(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Project (N, D) embeddings to (N, W) of length 1."""
        return unit_rows(np.asarray((unit_rows(embeddings) - self.mean) @ self.matrix, np.float32))


def learn_projection(
    embeddings: npt.NDArray[np.float32], width: int, *, whitening: float = WHITENING, centred: bool = True
) -> Projection:
    """Learn a projection by principal components.

    Args:
        embeddings: (N, D) of training pictures, of any length; only their directions are used.
        width: W, at most D and below N.
        whitening: component i is divided by its standard deviation to this power.
        centred: whether to subtract the mean.

    Raises:
        ProtocolError: there are too few pictures, W is greater than D, or all embeddings are the same.

    >>> rng = np.random.default_rng(0)
    >>> flat = (rng.normal(size=(50, 2)) @ rng.normal(size=(2, 8))).astype(np.float32)  # a plane in 8 dimensions
    >>> projection = learn_projection(flat, 2)
    >>> projection(flat).shape, round(projection.kept, 3)
    ((50, 2), 1.0)
    """
    count, wide = embeddings.shape
    if not 0 < width < min(count, wide + 1):
        raise ProtocolError(
            f"width: expected less than the {count} training pictures and at most the embedding's {wide}, found "
            f"{width}; give more pictures or a smaller --width"
        )
    rows = unit_rows(embeddings).astype(np.float64)
    mean = rows.mean(axis=0) if centred else np.zeros(wide)
    rows -= mean
    total = float(np.square(rows).sum())
    if total <= count * _SAME:
        raise ProtocolError(
            f"expected embeddings that differ to learn a projection on, found {count} that are the same; "
            f"see with mvd evaluate what the network has learnt"
        )
    # The smaller of the two Gram matrices; both have the same non-zero eigenvalues.
    if count < wide:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        values, vectors = values[::-1][:width], vectors[:, ::-1][:, :width]
        # Of directions without variance, as equal pictures leave them, only rounding errors are known: they become 0.
        known = values > count * np.finfo(np.float64).eps * values[0]
        axes = (rows.T @ vectors) * np.where(known, 1 / np.sqrt(np.where(known, values, 1)), 0)
    else:
        values, vectors = np.linalg.eigh(rows.T @ rows)
        values, axes = values[::-1][:width], vectors[:, ::-1][:, :width]
    scales = np.maximum(values / values[0], _FLOOR) ** (-whitening / 2)
    return Projection(
        mean=mean.astype(np.float32), matrix=(axes * scales).astype(np.float32), kept=float(values.sum() / total)
    )
