"""VSD and VCD as the official PyTorch release computes them, to reproduce what it trained.

The release calls a function for KL(target ‖ input) that expects log-probabilities as input, and passes it
probabilities; the representation, which should learn, is the target, and the observation, detached, is the input. For
teacher v and student z it minimises

    (1 / BK) Σ_b Σ_k P_z (log P_z − P_v)

instead of KL(P_v ‖ P_z). The minimum is at P_z ∝ exp(P_v): however certain the teacher is, the student may make no
class more than e times as probable as another. The mean is over batch and classes, so values are K times smaller than
those of `mvd.losses.vsd` and `mvd.losses.vcd`, which compute what the paper says.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def released_self_distillation(observation: Tensor, representation: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute the release's VSD of one branch: Σ P_z (log P_z − P_v) / BK with P = softmax(logits / T).

    No gradient reaches the observation.

    Args:
        observation: logits of v, (B, K).
        representation: logits of z, (B, K).
        temperature: T, above 0.

    Returns:
        A scalar from −(ln K + 1) / K to 0.
    """
    log_p = F.log_softmax(representation / temperature, dim=1)
    return (log_p.exp() * (log_p - (observation.detach() / temperature).softmax(dim=1))).mean()


def released_cross_distillation(
    visible_observation: Tensor,
    visible_representation: Tensor,
    infrared_observation: Tensor,
    infrared_representation: Tensor,
) -> Tensor:
    """Compute the release's VCD of two views: half its VSD from each view's v to the other's z.

    The release has no temperature here. No gradient reaches the observations. All arguments are logits (B, K).

    Returns:
        A scalar from −(ln K + 1) / K to 0.
    """
    to_infrared = released_self_distillation(visible_observation, infrared_representation)
    to_visible = released_self_distillation(infrared_observation, visible_representation)
    return 0.5 * (to_infrared + to_visible)


class ReleasedVSD(nn.Module):
    """`released_self_distillation` as a module.

    >>> import torch
    >>> sure, unsure = torch.tensor([[9.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    >>> bool(ReleasedVSD()(sure, unsure) < ReleasedVSD()(sure, sure))  # it rewards a student that is less certain
    True
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, observation: Tensor, representation: Tensor) -> Tensor:
        """Compare logits (B, K) of v and z."""
        return released_self_distillation(observation, representation, temperature=self.temperature)


class ReleasedVCD(nn.Module):
    """`released_cross_distillation` as a module.

    >>> import torch
    >>> uniform = torch.zeros(3, 2)
    >>> ReleasedVCD()(uniform, uniform, uniform, uniform)
    tensor(-0.5966)
    """

    def forward(self, *logits: Tensor) -> Tensor:
        """Compare four logits (B, K): v and z of the visible view, v and z of the infrared one."""
        return released_cross_distillation(*logits)
