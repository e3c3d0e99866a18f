"""Pairwise distances and batch-hard triplets for the metric losses; see `mvd.losses.distances`.

Shapes: B batch, D width.
"""

from __future__ import annotations

import math

import mindspore
from mindspore import Tensor, ops

_SMALLEST_SQUARE = 1e-12


def pairwise_distances(features: Tensor, coincident: Tensor) -> Tensor:
    """Compute Euclidean distances (B, B), at least 1e-6, between the rows of a batch.

    Args:
        features: (B, D), float32 or wider.
        coincident: (B, B) bool, pairs of rows that are the same point, including the diagonal.
    """
    squares = ops.square(features).sum(axis=1)
    squared = squares.expand_dims(1) + squares.expand_dims(0) - 2.0 * ops.matmul(features, features.swapaxes(0, 1))
    squared = squared.masked_fill(coincident, 0.0)
    return ops.sqrt(ops.maximum(squared, ops.cast(_SMALLEST_SQUARE, squared.dtype)))


def hardest_triplets(distances: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Compute the batch-hard triplet loss of each anchor (Hermans et al., 2017, equation 5): (B,), 0 or more.

    Args:
        distances: (B, B).
        labels: (B,).
        margin: 0 or more, in the unit of the distances.
    """
    same = equal_pairs(labels)
    furthest_positive = distances.masked_fill(ops.logical_not(same), -math.inf).max(axis=1)
    nearest_negative = distances.masked_fill(same, math.inf).min(axis=1)
    return ops.relu(furthest_positive - nearest_negative + margin)


def equal_pairs(values: Tensor) -> Tensor:
    """Compute the mask (B, B) of pairs with equal values (B,)."""
    return ops.equal(values.expand_dims(1), values.expand_dims(0))


def identical_rows(values: Tensor) -> Tensor:
    """Return the diagonal mask (B, B) for values (B, …)."""
    return ops.cast(ops.eye(values.shape[0], values.shape[0]), mindspore.bool_)
