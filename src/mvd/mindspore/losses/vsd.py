"""VSD, variational self-distillation: the representation keeps what the observation says about the label.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from mindspore import Tensor, ops

from mvd.mindspore.models.arithmetic import log_softmax


def variational_self_distillation(observation: Tensor, representation: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute VSD of one branch (Tian et al., CVPR 2021): KL(P_v ‖ P_z), averaged over the batch.

    No gradient reaches the observation.

    Args:
        observation: logits of v, (B, K).
        representation: logits of z, (B, K).
        temperature: T, above 0.

    Returns:
        A scalar, 0 or more.

    >>> print(f"{variational_self_distillation(Tensor([[2.0, 0.0]]), Tensor([[0.0, 0.0]])).item():.4f}")
    0.3278
    """
    log_teacher = log_softmax(ops.stop_gradient(observation) / temperature)
    return kl_divergence(log_teacher, log_softmax(representation / temperature))


def kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Average Σ_k p_k (log p_k − log q_k) over a batch of log-probabilities (B, K)."""
    return (ops.exp(log_p) * (log_p - log_q)).sum(axis=1).mean()
