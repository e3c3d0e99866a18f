"""Supervised contrastive loss: each row is to recognise its identity's other rows among all rows of the batch.

Shapes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def contrastive_loss(features: Tensor, labels: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Average the cross-entropy between a row's positives and a softmax of its cosines over all other rows.

    With s_ia the cosine of rows i and a divided by the temperature, and P(i) the other rows of i's identity, of either
    modality (Khosla et al., NeurIPS 2020, equation 2):

        mean_i ( −1 / |P(i)| · Σ_{p ∈ P(i)} log( exp s_ip / Σ_{a ≠ i} exp s_ia ) )

    A batch-hard triplet loss has a gradient from the nearest negative of a row alone; here every negative counts, the
    nearest most.

    Args:
        features: (B, D), of any length.
        labels: (B,).
        temperature: above 0; lower ones weigh the nearest rows more.

    Returns:
        A scalar, 0 or more. Rows without a positive do not count.

    >>> features, labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1])
    >>> contrastive_loss(features, labels, temperature=1.0)  # log(1 + exp(0 − 1))
    tensor(0.3133)
    """
    unit = F.normalize(features, dim=1)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    # Far below any cosine, and finite: minus infinity times a weight of 0 is not a number.
    similarities = (unit @ unit.T / temperature).masked_fill(itself, -1e6)
    positives = ((labels[:, None] == labels[None, :]) & ~itself).to(features.dtype)
    counts = positives.sum(dim=1)
    each = -(F.log_softmax(similarities, dim=1) * positives).sum(dim=1) / counts.clamp(min=1.0)
    return each.sum() / (counts > 0).sum().clamp(min=1)


class Contrastive(nn.Module):
    """`contrastive_loss` as a module.

    >>> features = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> Contrastive(temperature=1.0)(features, torch.tensor([0, 0, 1]))
    tensor(0.3133)
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, features: Tensor, labels: Tensor, modalities: Tensor | None = None) -> Tensor:
        """Take features (B, D) and labels (B,); modalities are ignored, as in every metric loss that needs none."""
        return contrastive_loss(features, labels, temperature=self.temperature)
