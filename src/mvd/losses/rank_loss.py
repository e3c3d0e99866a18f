"""Rank loss of MVD's official release: a ranked list for each picture, within its modality and across.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mvd.losses.distances import pairwise_distances

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
    """Pull positives within a distance of α − margin and push negatives beyond α, averaged over all anchors.

    A ranked list loss (Wang et al., CVPR 2019) over each of two groups of an anchor's neighbours, those of its own
    modality and those of the other; the two are added:

        Σ_p max(0, d(a, p) − (α − margin)) / (P + 1e-5) + Σ_n w_n (α − d(a, n)) / (Σ_n w_n + 1e-5),

    with the P other pictures p of the same identity, the negatives n that are nearer than α, and their weights
    w_n = exp(T (α − d(a, n))), which are differentiated too. Equal on unit features to the PyTorch release, which loops
    over the batch.

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        modalities: (B,), 0 visible and 1 infrared.
        margins: within a modality and across, in Euclidean distance.
        alphas: α within a modality and across, in Euclidean distance.
        temperature: T, 0 or more; the larger, the more the nearest negatives count.

    Returns:
        A scalar, 0 or more; a group that is empty contributes 0.
    """
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    distances = pairwise_distances(features, itself)
    same_identity = labels[:, None] == labels[None, :]
    same_modality = modalities[:, None] == modalities[None, :]
    losses = []
    for group, margin, alpha in zip((same_modality, ~same_modality), margins, alphas, strict=True):
        losses.append(_pull(distances, same_identity & ~itself & group, within=alpha - margin))
        losses.append(_push(distances, ~same_identity & group, beyond=alpha, temperature=temperature))
    return torch.stack(losses).sum(dim=0).mean()


class RankLoss(nn.Module):
    """`rank_loss` as a module.

    >>> features = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    >>> labels, modalities = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    >>> RankLoss()(features, labels, modalities)  # positives within 1, negatives beyond 2.2 and 2
    tensor(0.)
    """

    def __init__(
        self,
        margins: tuple[float, float] = (0.9, 1.0),
        alphas: tuple[float, float] = (2.2, 2.0),
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.margins, self.alphas, self.temperature = margins, alphas, temperature

    def forward(self, features: Tensor, labels: Tensor, modalities: Tensor) -> Tensor:
        """Take features (B, D), labels (B,) and modalities (B,)."""
        return rank_loss(
            features, labels, modalities, margins=self.margins, alphas=self.alphas, temperature=self.temperature
        )


def _pull(distances: Tensor, positives: Tensor, *, within: float) -> Tensor:
    """Average per row (B, B) how far its positives (B, B bool) lie beyond a distance: (B,)."""
    excess = torch.relu(distances - within) * positives
    return excess.sum(dim=1) / (positives.sum(dim=1, dtype=excess.dtype) + _SMALLEST_SUM)


def _push(distances: Tensor, negatives: Tensor, *, beyond: float, temperature: float) -> Tensor:
    """Average per row (B, B) how far its negatives (B, B bool) lie within a distance, near ones first: (B,)."""
    shortfall = torch.relu(beyond - distances)
    weights = torch.exp(temperature * shortfall) * (negatives & (distances < beyond))
    return (weights * shortfall).sum(dim=1) / (weights.sum(dim=1) + _SMALLEST_SUM)
