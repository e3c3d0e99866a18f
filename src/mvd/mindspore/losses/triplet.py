"""Batch-hard triplet loss over the pictures of a batch, of either modality.

Shapes: B batch, D width.
"""

from __future__ import annotations

from mindspore import Tensor

from mvd.mindspore.losses.distances import hardest_triplets, identical_rows, pairwise_distances


def triplet_loss(features: Tensor, labels: Tensor, *, margin: float = 0.3) -> Tensor:
    """Average the batch-hard triplet loss over all anchors (Hermans et al., 2017, equation 5).

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        margin: 0 or more, in Euclidean distance.

    Returns:
        A scalar, 0 or more.

    >>> features, labels = Tensor([[0.0], [1.0], [3.0], [4.0]]), Tensor([0, 0, 1, 1])
    >>> triplet_loss(features, labels, margin=2.0).item()  # hinges 0, 1, 1 and 0
    0.5
    """
    return hardest_triplets(pairwise_distances(features, identical_rows(features)), labels, margin).mean()
