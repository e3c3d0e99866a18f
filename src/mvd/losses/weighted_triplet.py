"""Weighted-regularisation triplet loss (WRT, of AGW): all positives and negatives count, hard ones most.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.losses.distances import pairwise_distances

_SMALLEST_SUM = 1e-6


def weighted_triplet_loss(features: Tensor, labels: Tensor) -> Tensor:
    """Average log(1 + exp(d⁺ − d⁻)) over all anchors (Ye et al., TPAMI 2022, arXiv 2001.04193, equation 5).

    d⁺ = Σ_p w_p d(a, p) and d⁻ = Σ_n w_n d(a, n), where w is meant to be a softmax of d over the positives and of −d
    over the negatives. This is what AGW's code computes, which differs in two points. A row counts as its own
    positive, at the distance 1e-6. And 1e-6 is added to the sum that a softmax divides by, while the exponents of
    the negatives are −d, not shifted: between features further apart than about 10, d⁻ falls to 0. On unit features
    neither matters. There is no margin.

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).

    Returns:
        A scalar above 0; a row without a negative has d⁻ = 0.
    """
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    distances = pairwise_distances(features, itself)
    same = labels[:, None] == labels[None, :]
    furthest_positive = _weighted_mean(distances, same, sign=1.0)
    nearest_negative = _weighted_mean(distances, ~same, sign=-1.0)
    return -F.logsigmoid(nearest_negative - furthest_positive).mean()


class WeightedTriplet(nn.Module):
    """`weighted_triplet_loss` as a module.

    >>> features, labels = torch.tensor([[0.0], [0.0], [3.0], [3.0]]), torch.tensor([0, 0, 1, 1])
    >>> WeightedTriplet()(features, labels)  # log(1 + exp(0 − 3))
    tensor(0.0486)
    """

    def forward(self, features: Tensor, labels: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Take features (B, D) and labels (B,); modalities are ignored, as in every metric loss that needs none."""
        return weighted_triplet_loss(features, labels)


def _weighted_mean(distances: Tensor, among: Tensor, *, sign: float) -> Tensor:
    """Weigh the distances of each row (B, B) by exp(sign · d) among those that count (B, B bool): (B,)."""
    counted = distances * among
    exponents = sign * counted
    # Those that do not count are zeros here, as in AGW: the largest exponent of the negatives is always 0.
    weights = among * torch.exp(exponents - exponents.amax(dim=1, keepdim=True))
    return (weights * counted).sum(dim=1) / (weights.sum(dim=1) + _SMALLEST_SUM)
