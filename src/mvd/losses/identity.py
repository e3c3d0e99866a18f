"""Identity loss: classification of pictures by person.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def identity_loss(logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
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
