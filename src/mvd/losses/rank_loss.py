"""Rank loss of MVD's official release: a ranked list for each picture, within its modality and across.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mvd.losses.distances import pairwise_distances

_SMALLEST_SUM = 1e-5


def rank_loss(
    features: Tensor,
    labels: Tensor,
    modalities: Tensor,
    *,
    margins: tuple[float, float],
    alphas: tuple[float, float],
    temperature: float,
) -> Tensor:
    """Average over all anchors what pulls positives within α − margin and pushes negatives beyond α.

    A ranked list loss (Wang et al., CVPR 2019) for each of two groups of an anchor's neighbours, those of its own
    modality and those of the other, which are then added:

        Σ_p max(0, d(a, p) − (α − margin)) / (P + 1e-5) + Σ_n w_n (α − d(a, n)) / (Σ_n w_n + 1e-5),

    with the P other pictures p of the same person, the negatives n that are nearer than α, and their weights
    w_n = exp(T (α − d(a, n))), which are differentiated too. Equal to the PyTorch release, where a loop over the batch
    computes it, on unit features.

    Args:
        features: (B, D); of length 1 where angles are to count (`losses.unit_features`).
        labels: (B,).
        modalities: (B,).
        margins: within a modality and across, in Euclidean distance.
        alphas: α within a modality and across, in Euclidean distance.
        temperature: T, 0 or more; the larger, the more the nearest negatives count.

    Returns:
        A scalar, 0 or more; a group that is empty contributes 0.
    """
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    distances = pairwise_distances(features, itself)
    same_person = labels[:, None] == labels[None, :]
    same_modality = modalities[:, None] == modalities[None, :]
    losses = []
    for group, margin, alpha in zip((same_modality, ~same_modality), margins, alphas, strict=True):
        losses.append(_pull(distances, same_person & ~itself & group, within=alpha - margin))
        losses.append(_push(distances, ~same_person & group, beyond=alpha, temperature=temperature))
    return torch.stack(losses).sum(dim=0).mean()


def _pull(distances: Tensor, positives: Tensor, *, within: float) -> Tensor:
    """Average for each row (B, B) by how much its positives (B, B bool) are further away than they may be: (B,)."""
    excess = torch.relu(distances - within) * positives
    return excess.sum(dim=1) / (positives.sum(dim=1, dtype=excess.dtype) + _SMALLEST_SUM)


def _push(distances: Tensor, negatives: Tensor, *, beyond: float, temperature: float) -> Tensor:
    """Average for each row (B, B), near ones first, by how much its negatives (B, B bool) are too near: (B,)."""
    shortfall = torch.relu(beyond - distances)
    weights = torch.exp(temperature * shortfall) * (negatives & (distances < beyond))
    return (weights * shortfall).sum(dim=1) / (weights.sum(dim=1) + _SMALLEST_SUM)
