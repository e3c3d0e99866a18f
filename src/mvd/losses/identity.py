"""Identity loss: cross-entropy over the identities of the training set.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def identity_loss(logits: Tensor, labels: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """Average the label-smoothed cross-entropy over the batch (Szegedy et al., CVPR 2016, section 7).

    −Σ_k q_k log P_k with q_k = (1 − ε)·[k = label] + ε / K. The MindSpore release does not smooth (ε = 0), the
    PyTorch release smooths with ε = 0.1.

    Args:
        logits: (B, K).
        labels: (B,) int64, from 0 to K − 1.
        smoothing: ε, from 0 to below 1.

    Returns:
        A scalar, 0 or more.
    """
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


class IdentityLoss(nn.Module):
    """`identity_loss` as a module.

    >>> import torch
    >>> IdentityLoss(smoothing=0.0)(torch.zeros(3, 4), torch.tensor([0, 1, 2]))  # ln 4
    tensor(1.3863)
    """

    def __init__(self, smoothing: float = 0.1) -> None:
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Compare logits (B, K) with labels (B,)."""
        return identity_loss(logits, labels, smoothing=self.smoothing)
