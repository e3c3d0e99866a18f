"""VCD, variational cross-distillation: each representation keeps what the observation of the other view supports.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from mindspore import Tensor

from mvd.mindspore.losses.vsd import variational_self_distillation


def variational_cross_distillation(
    visible_observation: Tensor,
    visible_representation: Tensor,
    infrared_observation: Tensor,
    infrared_representation: Tensor,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """Compute VCD of two views (Tian et al., CVPR 2021): v of one view teaches z of the other.

    No gradient reaches the observations. All arguments are logits (B, K).

    Args:
        visible_observation: of v^V.
        visible_representation: of z^V.
        infrared_observation: of v^I.
        infrared_representation: of z^I.
        temperature: T, above 0.

    Returns:
        A scalar, 0 or more.

    >>> first, second = Tensor([[2.0, 0.0]]), Tensor([[0.0, 2.0]])
    >>> variational_cross_distillation(first, second, second, first).item()  # each agrees with the other's observation
    0.0
    """
    to_infrared = variational_self_distillation(visible_observation, infrared_representation, temperature=temperature)
    to_visible = variational_self_distillation(infrared_observation, visible_representation, temperature=temperature)
    return 0.5 * (to_infrared + to_visible)
