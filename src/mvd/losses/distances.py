"""Distances and the hardest triplets among them, for the metric losses.

Shapes: B batch, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_SMALLEST_SQUARE = 1e-12


def pairwise_distances(features: Tensor, coincident: Tensor) -> Tensor:
    """Compute Euclidean distances between the rows of a batch.

    Squared distances are clamped at 1e-12 before the root, as in the released codes: the root has no gradient at 0.
    Pairs known to coincide are set to that value; rounding would give them a small random distance, and the steep
    root would turn it into a gradient.

    Args:
        features: (B, D), float32 or wider.
        coincident: (B, B) bool, pairs of rows that are the same point; its diagonal is true.

    Returns:
        (B, B), at least 1e-6.
    """
    squares = features.square().sum(dim=1)
    squared = squares[:, None] + squares[None, :] - 2.0 * features @ features.T
    return squared.masked_fill(coincident, 0.0).clamp(min=_SMALLEST_SQUARE).sqrt()


def hardest_triplets(distances: Tensor, labels: Tensor, *, margin: float | None) -> Tensor:
    """Take the batch-hard triplet of each row as an anchor (Hermans et al., 2017, equation 5).

    max(0, margin + max over positives d(a, p) − min over negatives d(a, n)), or without a margin log(1 + exp(d⁺ − d⁻))
    of the same two distances, their soft margin. A row counts as its own positive, so an identity with one row has the
    positive distance 1e-6; a row without a negative contributes 0.

    Args:
        distances: (B, B).
        labels: (B,).
        margin: 0 or more, in the unit of the distances; None for the soft margin.

    Returns:
        (B,), 0 or more.
    """
    same = labels[:, None] == labels[None, :]
    furthest_positive = distances.masked_fill(~same, -math.inf).amax(dim=1)
    nearest_negative = distances.masked_fill(same, math.inf).amin(dim=1)
    if margin is None:
        return F.softplus(furthest_positive - nearest_negative)
    return torch.relu(furthest_positive - nearest_negative + margin)
