"""Hetero-centre triplet loss: triplets of centres, one centre for each identity in each modality.

Shapes: B batch, D width.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from mvd.mindspore.losses.distances import equal_pairs, hardest_triplets, pairwise_distances


def hetero_centre_triplet_loss(features: Tensor, labels: Tensor, modalities: Tensor, *, margin: float = 0.3) -> Tensor:
    """Average the batch-hard triplet loss over the centres of a batch (Liu et al., IEEE TMM 2020).

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        modalities: (B,), 0 visible and 1 infrared.
        margin: 0 or more, in Euclidean distance.

    Returns:
        A scalar, 0 or more.

    >>> features, labels, modalities = Tensor([[0.0], [1.0], [3.0], [4.0]]), Tensor([0, 0, 1, 1]), Tensor([0, 1, 0, 1])
    >>> hetero_centre_triplet_loss(features, labels, modalities, margin=2.0).item()
    0.5
    """
    group = ops.logical_and(equal_pairs(labels), equal_pairs(modalities))
    member = ops.cast(group, features.dtype)
    share = 1.0 / member.sum(axis=1)
    centres = ops.matmul(member * share, features)
    per_row = hardest_triplets(pairwise_distances(centres, group), labels, margin)
    return (per_row * share).sum() / share.sum()
