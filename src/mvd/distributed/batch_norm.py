"""Batch norm over a batch that several processes share: each sees the statistics of the whole.

PyTorch's own SyncBatchNorm computes on CUDA alone. `GlobalBatchNorm` computes wherever PyTorch does and takes the
place of every batch norm elsewhere; on CUDA the kernels of PyTorch's are used.

Shapes: b rows of a batch in one process, C channels, * any positions; R processes.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mvd.runtime.device import widen


class GlobalBatchNorm(_BatchNorm):
    """A batch norm whose statistics in training are those of all processes' rows together.

    Same parameters, buffers and names as the norm whose place it takes. In eval mode it is that norm.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        if not self.training:
            return super().forward(input)
        with torch.no_grad():
            mean, variance, count = _statistics(input)
            self._track(mean, variance, count)
        normalised: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, mean, variance, count, self.eps
        )
        return normalised

    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        """Take whatever dimensions the norm takes whose place this is."""


def share_statistics(network: nn.Module, device: torch.device) -> nn.Module:
    """Make every batch norm of a network see the rows of all processes."""
    if device.type == "cuda":
        synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return synchronised
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            # The same module with another forward: whoever holds it, or its parameters, goes on holding them.
            module.__class__ = GlobalBatchNorm  # type: ignore[assignment]
    return network


def _statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute mean and biased variance (C,), and the count (1,) of what they are of, over all processes' (b, C, *)."""
    wide = widen(x)
    variance, mean = torch.var_mean(wide, [0, *range(2, x.ndim)], correction=0)
    count = mean.new_tensor([x.numel() / x.shape[1]])
    own = torch.cat([mean, variance, count])
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    means, variances, counts = torch.split(torch.stack(parts), [len(mean), len(mean), 1], dim=1)
    total = counts.sum(dim=0)
    weights = counts / total
    overall = (weights * means).sum(dim=0)
    # The variance within the processes and that between them.
    return overall, (weights * (variances + (means - overall).square())).sum(dim=0), total


class _Normalise(torch.autograd.Function):
    """(x − mean) / √(variance + ε) · weight + bias, and its gradient by x through the statistics of all processes.

    With x̂ the normalised x, ∂L/∂x = weight / √(variance + ε) · (∂L/∂y − Σ ∂L/∂y / N − x̂ · Σ (∂L/∂y · x̂) / N), the sums
    over all N positions of all processes. Gradients by weight and bias are those of the process's own rows.
    """

    @staticmethod
    def forward(  # noqa: PLR0917 - torch hands them over by position
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, count: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps = eps
        return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, eps, torch.backends.cudnn.enabled)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance, count = ctx.saved_tensors
        # As if mean and variance were constants; what flows through them is taken away below.
        by_x, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.cat([by_bias, by_weight])
        dist.all_reduce(sums)
        of_gradient, of_product = (sums / count).chunk(2)
        inverse = torch.rsqrt(variance + ctx.eps)
        slope = weight * inverse.square() * of_product
        offset = weight * inverse * of_gradient - slope * mean
        shape = [1, -1] + [1] * (x.ndim - 2)
        by_x = by_x - (slope.reshape(shape) * x + offset.reshape(shape)).to(by_x.dtype)
        return by_x, by_weight, by_bias, None, None, None, None
