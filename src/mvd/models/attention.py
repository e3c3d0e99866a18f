"""Attention inside an encoder: over channels, as in MVD's official PyTorch release, and over positions, as in AGW.

Both are residual and start as the identity, because their last factor starts at 0; so they can be added to a
pre-trained encoder.

Shapes: B batch, C channels, h × w positions, N = h·w of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mvd.runtime.device import widen, without_autocast

# Relative to the largest exponent. Weights of e⁻⁴⁰ are negligible beside 1, as smaller ones are; but CPUs multiply
# denormal numbers, below 1e-38, an order of magnitude more slowly, and there would be many.
_LEAST = -40.0


class ChannelAttention(nn.Module):
    """Adds to each channel a weighted mean of all channels, where those least similar to it weigh most.

    y = x + γ · softmax(−x xᵀ) x with x as (C, N); γ is the only parameter. This is the channel attention of Fu et al.
    (CVPR 2019) as in their code; in their paper the energy has the other sign. The release subtracts the energy from
    the largest of its row instead of from 0, to which softmax is invariant. Computed in float32 or wider: an energy is
    a sum of N products in an exponent, for which bfloat16's two digits do not suffice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Attend over the channels of a map (B, C, h, w); the result is like it."""
        with without_autocast(x.device.type):
            channels = widen(x).flatten(2)
            energy = -channels @ channels.transpose(1, 2)
            below_most = energy - energy.detach().amax(dim=2, keepdim=True)
            weights = below_most.clamp(min=_LEAST).softmax(dim=2)
            attended: Tensor = self.gamma * (weights @ channels)
            return x + attended.view(x.shape).to(x.dtype)


class NonLocal(nn.Module):
    """Non-local block (Wang et al., CVPR 2018) as AGW uses it.

    y = x + norm(W · f) with fᵢ = 1/N · Σⱼ θ(xᵢ) φ(xⱼ) g(xⱼ): the form without a softmax. As in AGW's code, θ, φ and g
    have one channel, where Wang et al. have C / 2. The sum over j then does not depend on i, so no N × N matrix is
    needed.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta = nn.Conv2d(channels, 1, kernel_size=1)
        self.phi = nn.Conv2d(channels, 1, kernel_size=1)
        self.g = nn.Conv2d(channels, 1, kernel_size=1)
        self.out = nn.Conv2d(1, channels, kernel_size=1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over the positions of a map (B, C, h, w); the result is like it."""
        common = (self.phi(x) * self.g(x)).mean(dim=(2, 3), keepdim=True)
        attended: Tensor = self.norm(self.out(self.theta(x) * common))
        return x + attended
