"""VSD, variational self-distillation: the representation keeps what the observation says about the label.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def variational_self_distillation(observation: Tensor, representation: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute VSD of one branch (Tian et al., CVPR 2021): KL(P_v ‖ P_z), averaged over the batch.

    P_v and P_z are softmax(logits / T) of the observation v and of its representation z. The observation is the
    teacher: no gradient reaches it. In nats, without a factor T². The objective adds up the two specific branches.

    Args:
        observation: logits of v, (B, K).
        representation: logits of z, (B, K).
        temperature: T, above 0.

    Returns:
        A scalar, 0 or more.
    """
    log_teacher = F.log_softmax(observation.detach() / temperature, dim=1)
    return kl_divergence(log_teacher, F.log_softmax(representation / temperature, dim=1))


class VSD(nn.Module):
    """`variational_self_distillation` as a module.

    >>> import torch
    >>> sure, unsure = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    >>> VSD()(sure, unsure)
    tensor(0.3278)
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, observation: Tensor, representation: Tensor) -> Tensor:
        """Compare logits (B, K) of v and z."""
        return variational_self_distillation(observation, representation, temperature=self.temperature)


def kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Average Σ_k p_k (log p_k − log q_k) over a batch of log-probabilities (B, K)."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
