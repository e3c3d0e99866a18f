"""VCD, variational cross-distillation: each representation keeps what the observation of the other view supports.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from mvd.losses.vsd import variational_self_distillation


def variational_cross_distillation(
    visible_observation: Tensor,
    visible_representation: Tensor,
    infrared_observation: Tensor,
    infrared_representation: Tensor,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """Compute VCD of two views (Tian et al., CVPR 2021): v of one view teaches z of the other.

    ½ KL(P_{v^V} ‖ P_{z^I}) + ½ KL(P_{v^I} ‖ P_{z^V}), averaged over the batch, with P = softmax(logits / T). The views
    are the two passes of MVD's shared branch. No gradient reaches the observations.

    Args:
        visible_observation: logits of v^V, (B, K).
        visible_representation: logits of z^V, (B, K).
        infrared_observation: logits of v^I, (B, K).
        infrared_representation: logits of z^I, (B, K).
        temperature: T, above 0.

    Returns:
        A scalar, 0 or more.
    """
    to_infrared = variational_self_distillation(visible_observation, infrared_representation, temperature=temperature)
    to_visible = variational_self_distillation(infrared_observation, visible_representation, temperature=temperature)
    return 0.5 * (to_infrared + to_visible)


class VCD(nn.Module):
    """`variational_cross_distillation` as a module.

    >>> import torch
    >>> first, second = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> VCD()(first, second, second, first)  # each representation agrees with the other view's observation
    tensor(0.)
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, *logits: Tensor) -> Tensor:
        """Compare four logits (B, K): v and z of the visible view, v and z of the infrared one."""
        return variational_cross_distillation(*logits, temperature=self.temperature)
