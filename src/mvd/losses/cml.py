"""CML, conventional mutual learning: the Sinkhorn distance between the class distributions of two branches.

Between the B class distributions p_i of one branch and the B distributions q_j of the other, moving a picture costs
C_ij = |p_i − q_j|². With m = 1/B + 1e-8 and δ = 1e-6 the official release repeats, from u = v = 0,

    u_i ← u_i + ε (log m − log(Σ_j exp((u_i + v_j − C_ij) / ε) + δ)),   then the same for v_j over i,

until Σ|Δu| < 0.1, and asks the device after each iteration whether that is so. In x = exp(−u/ε), y = exp(−v/ε) and
G = exp(−C/ε) / m an iteration is two products of a matrix and a vector:

    x ← Gy⁻¹ + (δ/m) x,   y ← Gᵀx⁻¹ + (δ/m) y.

That is so cheap that all iterations are run, and the pair of vectors at which the release stops is selected
afterwards: the host never waits, and iterations after the stop affect neither value nor gradient. The numbers leave
the range of float32; they are few, so they are float64.

Shapes: B batch, K classes, T iterations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_STOP = 0.1
_EXTRA_MASS = 1e-8
_SMALLEST_SUM = 1e-6


def conventional_mutual_learning(
    visible: Tensor, infrared: Tensor, *, eps: float = 0.01, iterations: int = 100
) -> Tensor:
    """Compute Σ_ij π_ij |p_i − q_j|² between the observations of two branches (Cuturi, NeurIPS 2013).

    p and q are softmax(logits) of the infrared and of the visible observations, π_ij = exp((u_i + v_j − C_ij) / ε)
    the plan after the iterations above: equal to the PyTorch release, which stops long before they converge. Both
    branches learn, and the gradient passes through all iterations. The plan may match any picture with any other:
    row i of one side need not be the picture in row i of the other.

    Args:
        visible: logits of the visible-specific observations, (B, K).
        infrared: logits of the infrared-specific observations, (B, K).
        eps: ε, at least 0.005 (below that, float64 may overflow).
        iterations: T, 1 or more: the most that are run if Σ|Δu| stays at 0.1 or more.

    Returns:
        A scalar from 0 to 2, in the dtype of the logits.
    """
    p, q = _widest(infrared).softmax(dim=1), _widest(visible).softmax(dim=1)
    cost = p.square().sum(dim=1)[:, None] + q.square().sum(dim=1)[None, :] - 2.0 * p @ q.T
    log_kernel = -cost / eps
    log_x, log_y = _LogScalings.apply(log_kernel, eps, iterations)  # type: ignore[no-untyped-call]
    plan = torch.exp(log_kernel - log_x[:, None] - log_y[None, :])
    return (plan * cost).sum().to(infrared.dtype).to(infrared.device)


class CML(nn.Module):
    """`conventional_mutual_learning` as a module.

    >>> logits = torch.tensor([[500.0, 0.0], [500.0, 0.0]])
    >>> CML()(logits, logits.flip(1))  # no picture of one side has a class of the other
    tensor(2.0000)
    """

    def __init__(self, eps: float = 0.01, iterations: int = 100) -> None:
        super().__init__()
        self.eps, self.iterations = eps, iterations

    def forward(self, visible: Tensor, infrared: Tensor) -> Tensor:
        """Compare logits (B, K) of the observations of the two specific branches."""
        return conventional_mutual_learning(visible, infrared, eps=self.eps, iterations=self.iterations)


def _widest(logits: Tensor) -> Tensor:
    # Apple's MPS has no float64.
    return logits.cpu().double() if logits.device.type == "mps" else logits.double()


class _LogScalings(torch.autograd.Function):
    """log x and log y (B,) at the stop, from −C/ε (B, B).

    The gradient is written out: autograd would take twice the time and keep a (B, B) matrix for each half iteration.
    """

    @staticmethod
    def forward(ctx: Any, log_kernel: Tensor, eps: float, iterations: int) -> tuple[Tensor, Tensor]:
        marginal = 1.0 / len(log_kernel) + _EXTRA_MASS
        kernel, ctx.kept = log_kernel.exp() / marginal, _SMALLEST_SUM / marginal
        x, y = _iterate(kernel, ctx.kept, iterations)
        log_x, log_y = x.log(), y.log()
        stop = _first_small_step(log_x, eps)
        ctx.save_for_backward(kernel, x, y, stop)
        return log_x.index_select(0, stop)[0], log_y.index_select(0, stop)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_log_x: Tensor, grad_log_y: Tensor) -> tuple[Tensor, None, None]:
        kernel, x, y, stop = ctx.saved_tensors
        chosen = (torch.arange(len(x), device=x.device) == stop)[:, None]
        return _adjoint(kernel, ctx.kept, x, y, of_x=chosen * grad_log_x, of_y=chosen * grad_log_y), None, None


def _iterate(kernel: Tensor, kept: float, iterations: int) -> tuple[Tensor, Tensor]:
    """Collect x and y (T + 1, B), the initial ones included; kernel is G (B, B), kept is δ/m."""
    x = y = kernel.new_ones(len(kernel))
    xs, ys = [x], [y]
    for _ in range(iterations):
        x = torch.addmv(x, kernel, y.reciprocal(), beta=kept)
        y = torch.addmv(y, kernel.T, x.reciprocal(), beta=kept)
        xs.append(x)
        ys.append(y)
    return torch.stack(xs), torch.stack(ys)


def _first_small_step(log_x: Tensor, eps: float) -> Tensor:
    """Find the first row of log x (T + 1, B) with Σ|Δu| below the threshold, or else the last: (1,) int64."""
    small = eps * log_x.diff(dim=0).abs().sum(dim=1) < _STOP
    small[-1].fill_(True)  # an assignment would copy it from the host, and wait
    return small.int().argmax(dim=0, keepdim=True) + 1


def _adjoint(kernel: Tensor, kept: float, x: Tensor, y: Tensor, *, of_x: Tensor, of_y: Tensor) -> Tensor:
    """Carry gradients by log x and log y (T + 1, B) back through all iterations to one by −C/ε (B, B)."""
    inverse_x, inverse_y = x.reciprocal(), y.reciprocal()
    kept_x, kept_y = kept * x[:-1] * inverse_x[1:], kept * y[:-1] * inverse_y[1:]
    by_x, by_y = of_x[-1], of_y[-1]
    along_x, along_y = [], []
    for t in reversed(range(len(kept_x))):
        along_y.append(inverse_y[t + 1] * by_y)
        by_x = torch.addcmul(by_x, inverse_x[t + 1], kernel @ along_y[-1], value=-1)
        along_x.append(inverse_x[t + 1] * by_x)
        by_y = torch.addcmul(kept_y[t] * by_y, inverse_y[t], kernel.T @ along_x[-1], value=-1) + of_y[t]
        by_x = torch.addcmul(of_x[t], kept_x[t], by_x)
    every_x, every_y = torch.stack(along_x[::-1]), torch.stack(along_y[::-1])
    return kernel * (every_x.T @ inverse_y[:-1] + inverse_x[1:].T @ every_y)
