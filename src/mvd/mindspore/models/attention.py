"""Attention in an encoder: over channels, as in MVD's official PyTorch release, and over positions, as in AGW.

See `mvd.models.attention`.

Shapes: B batch, C channels, h × w positions, N = h·w of them.
"""

from __future__ import annotations

from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import initializer

from mvd.config import ModelConfig
from mvd.mindspore.models.arithmetic import widen

_LEAST = -40.0


class ChannelAttention(nn.Cell):
    """Add to each channel a weighted mean of all channels, in which the least similar ones have the largest weights."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = Parameter(initializer("zeros", (1,)))

    def construct(self, x: Tensor) -> Tensor:
        """Attend over the channels of a feature map (B, C, h, w); the shape is unchanged."""
        channels = widen(x).reshape(x.shape[0], x.shape[1], -1)
        energy = -ops.bmm(channels, channels.swapaxes(1, 2))
        below_most = energy - ops.amax(ops.stop_gradient(energy), 2, keepdims=True)
        weights = ops.softmax(ops.maximum(below_most, ops.cast(_LEAST, below_most.dtype)), 2)
        attended = self.gamma * ops.bmm(weights, channels)
        return x + ops.cast(attended.reshape(x.shape), x.dtype)


class NonLocal(nn.Cell):
    """Non-local block of AGW: y = x + norm(W · f) with fᵢ = 1/N · Σⱼ θ(xᵢ) φ(xⱼ) g(xⱼ)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta = nn.Conv2d(channels, 1, 1, has_bias=True)
        self.phi = nn.Conv2d(channels, 1, 1, has_bias=True)
        self.g = nn.Conv2d(channels, 1, 1, has_bias=True)
        self.out = nn.Conv2d(1, channels, 1, has_bias=True)
        self.norm = nn.BatchNorm2d(channels, gamma_init="zeros")

    def construct(self, x: Tensor) -> Tensor:
        """Attend over the positions of a feature map (B, C, h, w); the shape is unchanged."""
        common = (self.phi(x) * self.g(x)).mean(axis=(2, 3), keep_dims=True)
        return x + self.norm(self.out(self.theta(x) * common))


def channel_attention(config: ModelConfig) -> nn.Cell:
    """Build the attention before a stage, or an identity."""
    return ChannelAttention() if config.channel_attention else nn.Identity()
