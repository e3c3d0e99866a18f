"""VML, variational mutual learning: the representations of the two views agree.

Shapes: B batch, K classes.
"""

from __future__ import annotations

import math

from mindspore import Tensor, ops

from mvd.mindspore.losses.vsd import kl_divergence
from mvd.mindspore.models.arithmetic import log_softmax


def variational_mutual_learning(visible: Tensor, infrared: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Compute VML (Tian et al., CVPR 2021): the Jensen–Shannon divergence of P_{z^V} and P_{z^I}.

    Args:
        visible: logits of z^V, (B, K).
        infrared: logits of z^I, (B, K).
        temperature: T, above 0; P = softmax(logits / T).

    Returns:
        A scalar from 0 to ln 2.

    >>> logits = Tensor([[100.0, 0.0]])
    >>> print(f"{variational_mutual_learning(logits, -logits).item():.4f}")  # disjoint: ln 2
    0.6931
    """
    log_p = log_softmax(visible / temperature)
    log_q = log_softmax(infrared / temperature)
    # Factor out the larger one against overflow; the result does not depend on it, so it needs no gradient.
    larger = ops.stop_gradient(ops.maximum(log_p, log_q))
    log_mixture = larger + ops.log(ops.exp(log_p - larger) + ops.exp(log_q - larger)) - math.log(2)
    return 0.5 * (kl_divergence(log_p, log_mixture) + kl_divergence(log_q, log_mixture))
