"""Weighted regularisation triplet loss (WRT) of AGW: all positives and negatives count, hard ones most.

Shapes: B batch, D width.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from mvd.mindspore.losses.distances import equal_pairs, identical_rows, pairwise_distances

_SMALLEST_SUM = 1e-6


def weighted_triplet_loss(features: Tensor, labels: Tensor) -> Tensor:
    """Average log(1 + exp(d⁺ − d⁻)) over all anchors (Ye et al., TPAMI 2022, equation 5), as AGW's code does.

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).

    Returns:
        A scalar above 0.

    >>> features, labels = Tensor([[0.0], [0.0], [3.0], [3.0]]), Tensor([0, 0, 1, 1])
    >>> print(f"{weighted_triplet_loss(features, labels).item():.4f}")  # log(1 + exp(0 − 3))
    0.0486
    """
    distances = pairwise_distances(features, identical_rows(features))
    same = ops.cast(equal_pairs(labels), distances.dtype)
    apart = _weighted_mean(distances, same, 1.0) - _weighted_mean(distances, 1.0 - same, -1.0)
    # log(1 + eˣ), with the larger exponent factored out against overflow.
    larger = ops.relu(ops.stop_gradient(apart))
    return (larger + ops.log(ops.exp(-larger) + ops.exp(apart - larger))).mean()


def _weighted_mean(distances: Tensor, among: Tensor, sign: float) -> Tensor:
    """Average the selected distances of each row, weighted by exp(sign · d): (B, B) to (B,)."""
    counted = distances * among
    exponents = sign * counted
    weights = among * ops.exp(exponents - exponents.max(axis=1, keepdims=True))
    return (weights * counted).sum(axis=1) / (weights.sum(axis=1) + _SMALLEST_SUM)
