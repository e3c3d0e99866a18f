"""CML, conventional mutual learning: the Sinkhorn distance between the class distributions of two branches.

`mvd.losses.cml` derives the iteration. In x = exp(−u/ε), y = exp(−v/ε) and G = exp(−C/ε) / m it is

    x ← Gy⁻¹ + (δ/m) x,   y ← Gᵀx⁻¹ + (δ/m) y,

until Σ|Δu| < 0.1. The loop stops there, also in a compiled graph: running all iterations, as in PyTorch, would take ten
times as long to compile. The values exceed the range of float32, so they are float64.

Shapes: B batch, K classes, T iterations.
"""

from __future__ import annotations

import mindspore
from mindspore import Tensor, ops

_STOP = 0.1
_EXTRA_MASS = 1e-8
_SMALLEST_SUM = 1e-6


def conventional_mutual_learning(
    visible: Tensor, infrared: Tensor, *, eps: float = 0.01, iterations: int = 100
) -> Tensor:
    """Compute Σ_ij π_ij |p_i − q_j|² between the observations of two branches (Cuturi, NeurIPS 2013).

    Args:
        visible: logits of the visible-specific observations, (B, K).
        infrared: logits of the infrared-specific observations, (B, K).
        eps: ε, at least 0.005 (below that, float64 may overflow).
        iterations: T, the maximum number of iterations, 1 or more.

    Returns:
        A scalar from 0 to 2, in the dtype of the logits.

    >>> print(f"{conventional_mutual_learning(Tensor([[500.0, 0.0]]), Tensor([[0.0, 500.0]])).item():.4f}")
    2.0000
    """
    p = ops.softmax(ops.cast(infrared, mindspore.float64), axis=1)
    q = ops.softmax(ops.cast(visible, mindspore.float64), axis=1)
    cost = ops.square(p).sum(axis=1).expand_dims(1) + ops.square(q).sum(axis=1).expand_dims(0)
    cost = cost - 2.0 * ops.matmul(p, q.swapaxes(0, 1))
    # A Python number would be rounded to float32, and eps divides an exponent.
    log_kernel = -cost / Tensor(eps, mindspore.float64)
    log_x, log_y = _log_scalings(log_kernel, eps, iterations)
    plan = ops.exp(log_kernel - log_x.expand_dims(1) - log_y.expand_dims(0))
    return ops.cast((plan * cost).sum(), infrared.dtype)


def _log_scalings(log_kernel: Tensor, eps: float, iterations: int) -> tuple[Tensor, Tensor]:
    """Compute the final log x and log y (B,) from −C/ε (B, B)."""
    marginal = 1.0 / log_kernel.shape[0] + _EXTRA_MASS
    kernel = ops.exp(log_kernel) / Tensor(marginal, mindspore.float64)
    kept = Tensor(_SMALLEST_SUM / marginal, mindspore.float64)
    x, y = ops.ones_like(kernel[0]), ops.ones_like(kernel[0])
    done, moved = Tensor(0, mindspore.int32), ops.ones_like(x[0])
    while ops.logical_and(done < iterations, moved >= _STOP):
        before = ops.log(x)
        x = kept * x + (kernel * (1.0 / y).expand_dims(0)).sum(axis=1)
        y = kept * y + (kernel * (1.0 / x).expand_dims(1)).sum(axis=0)
        moved = eps * ops.abs(ops.log(x) - before).sum()
        done = done + 1
    return ops.log(x), ops.log(y)
