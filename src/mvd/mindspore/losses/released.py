"""VSD and VCD as in the official PyTorch release; `mvd.losses.released` describes the differences.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from mvd.mindspore.models.arithmetic import log_softmax


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
    log_p = log_softmax(representation / temperature)
    return (ops.exp(log_p) * (log_p - ops.softmax(ops.stop_gradient(observation) / temperature, axis=1))).mean()


def released_cross_distillation(
    visible_observation: Tensor,
    visible_representation: Tensor,
    infrared_observation: Tensor,
    infrared_representation: Tensor,
) -> Tensor:
    """Compute the release's VCD of two views: half its VSD from each view's v to the other's z.

    All arguments are logits (B, K).

    Returns:
        A scalar from −(ln K + 1) / K to 0.

    >>> uniform = ops.zeros((3, 2))
    >>> print(f"{released_cross_distillation(uniform, uniform, uniform, uniform).item():.4f}")
    -0.5966
    """
    to_infrared = released_self_distillation(visible_observation, infrared_representation)
    to_visible = released_self_distillation(infrared_observation, visible_representation)
    return 0.5 * (to_infrared + to_visible)
