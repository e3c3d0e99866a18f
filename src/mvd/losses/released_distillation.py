"""VSD and VCD as the official PyTorch release computes them, to reproduce what it trained.

It calls a function for KL(target ‖ input) that expects log-probabilities as input, and gives it probabilities; the
representation, which should learn, is the target, and the observation, detached, is the input. So for teacher v and
student z it minimises

    (1 / BK) Σ_b Σ_k P_z (log P_z − P_v)

instead of KL(P_v ‖ P_z). The minimum is at P_z ∝ exp(P_v): however sure the teacher is, the student shall find no
class more than e times as probable as another. The mean is over batch and classes, so the value is K times smaller
than a mean over the batch. `losses.distillation` is what the paper says.

Shapes: B batch, K classes.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mvd.models.outputs import Branch


def released_self_distillation(visible: Branch, infrared: Branch, *, temperature: float) -> Tensor:
    """Compute the release's VSD, Σ P_z (log P_z − P_v) / BK, summed over the two specific branches.

    P = softmax(logits / T). No gradient reaches the observations.

    Args:
        visible: the visible-specific branch, logits (B, K).
        infrared: the infrared-specific branch, logits (B, K).
        temperature: T, above 0.

    Returns:
        A scalar from −2 (ln K + 1) / K to 0.
    """
    return _term(visible.observation.logits / temperature, visible.representation.logits / temperature) + _term(
        infrared.observation.logits / temperature, infrared.representation.logits / temperature
    )


def released_cross_distillation(shared_visible: Branch, shared_infrared: Branch) -> Tensor:
    """Compute the release's VCD: half Σ P_z (log P_z − P_v) / BK each way, v and z being of different views.

    P = softmax(logits): the release has no temperature here. No gradient reaches the observations.

    Args:
        shared_visible: the shared branch on the pictures as they are, logits (B, K).
        shared_infrared: the shared branch on the grey pictures, logits (B, K).

    Returns:
        A scalar from −(ln K + 1) / K to 0.
    """
    to_infrared = _term(shared_visible.observation.logits, shared_infrared.representation.logits)
    to_visible = _term(shared_infrared.observation.logits, shared_visible.representation.logits)
    return 0.5 * (to_infrared + to_visible)


def _term(observation: Tensor, representation: Tensor) -> Tensor:
    """Average p_z (log p_z − p_v) over all elements of logits (B, K), the observation being constant."""
    log_p = F.log_softmax(representation, dim=1)
    return (log_p.exp() * (log_p - observation.detach().softmax(dim=1))).mean()
