"""VML, variational mutual learning: the representations of the two views agree.

Shapes: B batch, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.losses.vsd import kl_divergence


def variational_mutual_learning(visible: Tensor, infrared: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute VML (Tian et al., CVPR 2021): the Jensen–Shannon divergence of P_{z^V} and P_{z^I}.

    ½ KL(P ‖ M) + ½ KL(Q ‖ M) with P = P_{z^V}, Q = P_{z^I} and M = (P + Q) / 2, averaged over the batch. It is
    symmetric, and both sides learn. Neither released code computes it.

    Args:
        visible: logits of z^V, (B, K).
        infrared: logits of z^I, (B, K).
        temperature: T, above 0; P = softmax(logits / T).

    Returns:
        A scalar from 0 to ln 2.
    """
    log_p = F.log_softmax(visible / temperature, dim=1)
    log_q = F.log_softmax(infrared / temperature, dim=1)
    log_mixture = torch.logaddexp(log_p, log_q) - math.log(2)
    return 0.5 * (kl_divergence(log_p, log_mixture) + kl_divergence(log_q, log_mixture))


class VML(nn.Module):
    """`variational_mutual_learning` as a module.

    >>> logits = torch.tensor([[100.0, 0.0]])
    >>> VML()(logits, -logits)  # disjoint: ln 2
    tensor(0.6931)
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, visible: Tensor, infrared: Tensor) -> Tensor:
        """Compare logits (B, K) of z^V and z^I."""
        return variational_mutual_learning(visible, infrared, temperature=self.temperature)
