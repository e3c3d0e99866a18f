"""Variational distillation: the three terms of MVD (Tian et al., CVPR 2021).

The mutual-information terms of the information bottleneck are replaced by divergences between the class
distributions that the observation v and the representation z give, P = softmax(logits / T). All are means over
the batch, in nats, with no factor T².

Here is what the paper says. The official release computes something else (`losses.released_distillation`), and no
VML; the MindSpore release computes none of them.

Shapes: B batch, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.models.outputs import Branch


def variational_self_distillation(visible: Branch, infrared: Branch, *, temperature: float) -> Tensor:
    """Keep in z what v says about the label (VSD): KL(P_v ‖ P_z), summed over the two specific branches.

    The observation is the teacher: no gradient reaches it.

    Args:
        visible: the visible-specific branch, logits (B, K).
        infrared: the infrared-specific branch, logits (B, K).
        temperature: T, above 0.

    Returns:
        A scalar, 0 or more.
    """
    return _distil(visible.observation.logits, visible.representation.logits, temperature) + _distil(
        infrared.observation.logits, infrared.representation.logits, temperature
    )


def variational_cross_distillation(shared_visible: Branch, shared_infrared: Branch, *, temperature: float) -> Tensor:
    """Keep in z what both modalities agree on (VCD): v of one view teaches z of the other.

    ½ KL(P_{v_sh^V} ‖ P_{z_sh^I}) + ½ KL(P_{v_sh^I} ‖ P_{z_sh^V}); no gradient reaches the observations.

    Args:
        shared_visible: the shared branch on the pictures as they are, logits (B, K).
        shared_infrared: the shared branch on the grey pictures, logits (B, K).
        temperature: T, above 0.

    Returns:
        A scalar, 0 or more.
    """
    to_infrared = _distil(shared_visible.observation.logits, shared_infrared.representation.logits, temperature)
    to_visible = _distil(shared_infrared.observation.logits, shared_visible.representation.logits, temperature)
    return 0.5 * (to_infrared + to_visible)


def variational_mutual_learning(shared_visible: Branch, shared_infrared: Branch, *, temperature: float) -> Tensor:
    """Draw the two shared representations together (VML): the Jensen–Shannon divergence of their classes.

    ½ KL(P ‖ M) + ½ KL(Q ‖ M) with P = P_{z_sh^V}, Q = P_{z_sh^I}, M = (P + Q) / 2. Symmetric, and both sides
    learn. Neither released code has it.

    Args:
        shared_visible: the shared branch on the pictures as they are, logits (B, K).
        shared_infrared: the shared branch on the grey pictures, logits (B, K).
        temperature: T, above 0.

    Returns:
        A scalar from 0 to ln 2.
    """
    log_p = F.log_softmax(shared_visible.representation.logits / temperature, dim=1)
    log_q = F.log_softmax(shared_infrared.representation.logits / temperature, dim=1)
    log_mixture = torch.logaddexp(log_p, log_q) - math.log(2)
    return 0.5 * (_kl_divergence(log_p, log_mixture) + _kl_divergence(log_q, log_mixture))


def _distil(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """KL(teacher ‖ student) from logits (B, K), the teacher being constant."""
    log_teacher = F.log_softmax(teacher.detach() / temperature, dim=1)
    return _kl_divergence(log_teacher, F.log_softmax(student / temperature, dim=1))


def _kl_divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Average Σ_k p_k (log p_k − log q_k) over a batch of log-probabilities (B, K)."""
    return (log_p.exp() * (log_p - log_q)).sum(dim=1).mean()
