"""Rank loss of MVD's official release, within and across modalities.

Shapes: B batch, D width.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from mvd.mindspore.losses.distances import equal_pairs, identical_rows, pairwise_distances

_SMALLEST_SUM = 1e-5


def rank_loss(
    features: Tensor,
    labels: Tensor,
    modalities: Tensor,
    *,
    margins: tuple[float, float] = (0.9, 1.0),
    alphas: tuple[float, float] = (2.2, 2.0),
    temperature: float = 1.0,
) -> Tensor:
    """Pull positives within a distance of α − margin and push negatives beyond α; see `mvd.losses.rank_loss`.

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        modalities: (B,), 0 visible and 1 infrared.
        margins: within a modality and across, in Euclidean distance.
        alphas: α within a modality and across, in Euclidean distance.
        temperature: T, 0 or more; larger values put more weight on the nearest negatives.

    Returns:
        A scalar, 0 or more; an empty group contributes 0.

    >>> features, labels, modalities = Tensor([[0.0], [1.0], [3.0], [4.0]]), Tensor([0, 0, 1, 1]), Tensor([0, 1, 0, 1])
    >>> rank_loss(features, labels, modalities).item()  # positives within 1, negatives beyond 2.2 and 2
    0.0
    """
    itself = identical_rows(features)
    distances = pairwise_distances(features, itself)
    same_identity, same_modality = equal_pairs(labels), equal_pairs(modalities)
    positive = ops.cast(ops.logical_and(same_identity, ops.logical_not(itself)), distances.dtype)
    negative = 1.0 - ops.cast(same_identity, distances.dtype)
    within = ops.cast(same_modality, distances.dtype)
    per_row = _pull(distances, positive * within, alphas[0] - margins[0])
    per_row = per_row + _push(distances, negative * within, alphas[0], temperature)
    across = 1.0 - within
    per_row = per_row + _pull(distances, positive * across, alphas[1] - margins[1])
    per_row = per_row + _push(distances, negative * across, alphas[1], temperature)
    return per_row.mean()


def _pull(distances: Tensor, positives: Tensor, within: float) -> Tensor:
    """Average, per row, how far the positives lie beyond a distance: (B, B) to (B,)."""
    excess = ops.relu(distances - within) * positives
    return excess.sum(axis=1) / (positives.sum(axis=1) + _SMALLEST_SUM)


def _push(distances: Tensor, negatives: Tensor, beyond: float, temperature: float) -> Tensor:
    """Average, per row, how far the negatives lie within a distance, weighted to near ones: (B, B) to (B,)."""
    shortfall = ops.relu(beyond - distances)
    weights = ops.exp(temperature * shortfall) * negatives * ops.cast(distances < beyond, distances.dtype)
    return (weights * shortfall).sum(axis=1) / (weights.sum(axis=1) + _SMALLEST_SUM)
