"""Batch-hard triplet loss over the pictures of a batch, whichever their modality.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mvd.losses.distances import hardest_triplets, pairwise_distances


def triplet_loss(features: Tensor, labels: Tensor, *, margin: float) -> Tensor:
    """Average the batch-hard triplet loss over all anchors (Hermans et al., 2017, equation 5).

    Equal to the loss that the MindSpore release of MVD trains with, and to AGW's.

    Args:
        features: (B, D); of length 1 where angles are to count (`losses.unit_features`).
        labels: (B,).
        margin: 0 or more, in Euclidean distance.

    Returns:
        A scalar, 0 or more.
    """
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    return hardest_triplets(pairwise_distances(features, itself), labels, margin=margin).mean()
