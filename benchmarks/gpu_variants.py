"""Alternative implementations of MVD's four passes, which `benchmarks/step.py` compares with the one in use."""

from __future__ import annotations

import types
from functools import partial

import torch
from torch import Tensor, nn

from mvd.models.mvd import MVD
from mvd.models.outputs import Pass, SharedOutput, map_tensors


class HalvesBatchNorm2d(nn.BatchNorm2d):
    """A batch norm in which each half of the batch has statistics of its own, as if they came one after the other."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        if not self.training:
            return super().forward(input)
        halves = input.reshape(2, -1, *input.shape[1:])
        positions = [1, *range(3, halves.ndim)]
        variance, mean = torch.var_mean(halves.float(), positions, correction=0, keepdim=True)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            count = input.numel() // input.shape[1] // 2
            for half in range(2):
                self.running_mean.lerp_(mean[half].flatten(), self.momentum)
                self.running_var.lerp_(variance[half].flatten() * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 2
        shape = [1, 1, -1] + [1] * (halves.ndim - 3)
        scale = torch.rsqrt(variance + self.eps) * self.weight.reshape(shape)
        normalised = (halves.float() - mean) * scale + self.bias.reshape(shape)
        joined: Tensor = normalised.to(input.dtype).flatten(0, 1)
        return joined

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        """Take any dimensions."""


def _half(number: int, tensor: Tensor) -> Tensor:
    return tensor.chunk(2)[number]


def join_shared_passes(network: nn.Module) -> None:
    """Take colour and grey pictures through the shared encoder as one batch, with batch statistics for each."""
    assert isinstance(network, MVD)
    for module in network.shared.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.__class__ = HalvesBatchNorm2d

    def in_order(self: MVD, shared: nn.Module, colour: Tensor, grey: Tensor) -> tuple[Pass, Pass]:
        output = SharedOutput(shared(torch.cat([colour, grey])))
        first, second = (map_tensors(output, partial(_half, number)).shared for number in range(2))
        return first, second

    network._in_order = types.MethodType(in_order, network)  # type: ignore[method-assign]
