"""Batch-hard triplet loss over the pictures of a batch, of either modality.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mvd.losses.distances import hardest_triplets, pairwise_distances


def triplet_loss(features: Tensor, labels: Tensor, *, margin: float | None = 0.3) -> Tensor:
    """Average the batch-hard triplet loss over all anchors (Hermans et al., 2017, equation 5).

    Equal to the loss that the MindSpore release of MVD trains with, and to that of the baseline in AGW's code; AGW
    itself has the weighted one (`weighted_triplet`).

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        margin: 0 or more, in Euclidean distance; None for the soft margin log(1 + exp(d⁺ − d⁻)).

    Returns:
        A scalar, 0 or more.
    """
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    return hardest_triplets(pairwise_distances(features, itself), labels, margin=margin).mean()


class TripletLoss(nn.Module):
    """`triplet_loss` as a module.

    >>> features = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    >>> TripletLoss(margin=2.0)(features, torch.tensor([0, 0, 1, 1]))  # hinges 0, 1, 1 and 0
    tensor(0.5000)
    """

    def __init__(self, margin: float | None = 0.3) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, features: Tensor, labels: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Take features (B, D) and labels (B,); modalities are ignored, as in every metric loss that needs none."""
        return triplet_loss(features, labels, margin=self.margin)
