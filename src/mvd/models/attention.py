"""Attention inside an encoder: over channels, as the official PyTorch release has it, and over positions, as AGW does.

Both add what they find to the map that they were given, and both add nothing at first: their last factor starts at 0.
So they can be put into an encoder that was trained without them.

Shapes: B batch, C channels, h × w positions, N = h·w of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mvd.runtime.device import widen, without_autocast

# Of the largest exponent. Weights of e⁻⁴⁰ are nothing beside 1, as smaller ones are; but a processor multiplies numbers
# below 1e-38, and there would be many, an order of magnitude more slowly.
_LEAST = -40.0


class ChannelAttention(nn.Module):
    """Adds to each channel a mean of all channels in which those that differ from it most count most.

    y = x + γ · softmax(−x xᵀ) x with x as (C, N), γ being the one parameter: the channel attention of Fu et al. (CVPR
    2019) as their code has it; their paper has the energy's other sign. The release subtracts the energy from the
    largest of its row instead of from 0, which the softmax cannot see. Computed in float32 or wider: an energy is a sum
    of N products, of which bfloat16's two digits say little once it is in an exponent.
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
    """Adds to each position what all positions have in common with it (Wang et al., CVPR 2018), as AGW uses it.

    y = x + norm(W · f) with fᵢ = 1/N · Σⱼ θ(xᵢ) φ(xⱼ) g(xⱼ): the form without a softmax. AGW's code makes θ, φ and g
    one channel wide, where Wang et al. have C / 2; one it is here, too. With one channel the sum over j does not depend
    on i, so no N × N matrix is needed.

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
