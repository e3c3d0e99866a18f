"""Quadruple-centre loss of MSCMNet: each row is pulled to its identity's centre in the other modality.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SMALLEST_SQUARE = 1e-12


def quadruple_centre_loss(features: Tensor, labels: Tensor, modalities: Tensor, *, margin: float = 0.7) -> Tensor:
    """Pull rows to the centre of the other modality, and push them from the centres of other identities.

    With c_{y,m} the mean feature of identity y in modality m, over all its streams, c_y that over both modalities, and
    m̄ the other modality than m:

        ½ · mean_i ( |x_i − c_{y_i,m̄_i}| + mean_{j: y_j ≠ y_i} max(0, margin − |x_i − c_{y_j}|) )

    over the rows i and j, as MSCMNet's code computes it (Hua et al., Pattern Recognition 2025); a further term, between
    its four streams, has the weight 0 there. In that code the centre of a row is found by its place; here by its label,
    which is the same where both modalities have the identities in one order.

    Args:
        features: (B, D); divide them by their L2 norm to compare angles.
        labels: (B,).
        modalities: (B,), 0 visible and 1 infrared.
        margin: 0 or more, in Euclidean distance.

    Returns:
        A scalar, 0 or more. An identity without the other modality is not pulled, a row without others not pushed.
    """
    same = labels[:, None] == labels[None, :]
    partners = same & (modalities[:, None] != modalities[None, :])
    others = _mean_of(partners, features)
    pulled = (features - others).square().sum(dim=1).clamp(min=_SMALLEST_SQUARE).sqrt() * partners.any(dim=1)
    centres = _mean_of(same, features)
    squares = features.square().sum(dim=1)[:, None] + centres.square().sum(dim=1) - 2.0 * features @ centres.T
    apart = squares.clamp(min=_SMALLEST_SQUARE).sqrt()
    pushed = (torch.relu(margin - apart) * ~same).sum(dim=1) / (~same).sum(dim=1).clamp(min=1)
    return 0.5 * (pulled + pushed).mean()


class QuadrupleCentre(nn.Module):
    """`quadruple_centre_loss` as a module.

    >>> features = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    >>> QuadrupleCentre(margin=3.0)(features, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]))  # ½ (1 + ¼)
    tensor(0.6250)
    """

    def __init__(self, margin: float = 0.7) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, features: Tensor, labels: Tensor, modalities: Tensor) -> Tensor:
        """Take features (B, D), labels (B,) and modalities (B,)."""
        return quadruple_centre_loss(features, labels, modalities, margin=self.margin)


def _mean_of(members: Tensor, features: Tensor) -> Tensor:
    """Average, for each row, the features (B, D) of its members (B, B bool); 0 for a row without any."""
    return (members.to(features.dtype) @ features) / members.sum(dim=1, keepdim=True).clamp(min=1)
