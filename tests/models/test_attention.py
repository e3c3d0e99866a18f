"""Attention over channels and over positions: against loops, the start from nothing, precision, gradients."""

from __future__ import annotations

from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from mvd.models.attention import ChannelAttention, NonLocal

Attention = TypeVar("Attention", bound=nn.Module)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_channels_attend_most_to_those_that_differ_most(x: Tensor) -> None:
    attention = ChannelAttention().double()
    nn.init.constant_(attention.gamma, 0.7)
    expected = torch.empty_like(x)
    for b, picture in enumerate(x):
        for i, channel in enumerate(picture):
            energies = torch.stack([(channel * other).sum() for other in picture])
            weights = torch.exp(energies.max() - energies)
            weights = weights / weights.sum()
            mean = sum(weight * other for weight, other in zip(weights, picture, strict=True))
            expected[b, i] = channel + 0.7 * mean
    torch.testing.assert_close(attention(x), expected)


def test_positions_attend_without_a_softmax(x: Tensor) -> None:
    attention = _awake(NonLocal(5).double())
    theta, phi, g = (module(x).flatten(1) for module in (attention.theta, attention.phi, attention.g))
    found = torch.zeros(2, 1, 12, dtype=torch.float64)
    for i in range(12):
        for j in range(12):
            found[:, 0, i] += theta[:, i] * phi[:, j] * g[:, j] / 12
    added = attention.out(found.view(2, 1, 3, 4))
    deviations = (added.var(dim=(0, 2, 3), unbiased=False) + 1e-5).sqrt()
    added = (added - added.mean(dim=(0, 2, 3), keepdim=True)) / deviations.view(1, 5, 1, 1)
    scale, shift = (values.view(1, 5, 1, 1) for values in (attention.norm.weight, attention.norm.bias))
    torch.testing.assert_close(attention(x), x + added * scale + shift)


@pytest.mark.parametrize("attention", [ChannelAttention(), NonLocal(5)])
def test_at_first_neither_changes_anything_and_both_can_learn(x: Tensor, attention: nn.Module) -> None:
    attention = attention.double()
    attended = attention(x)
    assert torch.equal(attended, x)
    torch.autograd.backward(attended.pow(3).sum())
    first = {"gamma", "norm.weight", "norm.bias"}
    assert all(
        p.grad is not None and p.grad.abs().max() > 0 for name, p in attention.named_parameters() if name in first
    )


@pytest.mark.parametrize("attention", [ChannelAttention(), NonLocal(5)])
def test_gradients_are_those_of_the_function(x: Tensor, attention: nn.Module) -> None:
    attention = _awake(attention.double())
    names, values = zip(*attention.named_parameters(), strict=True)

    def attend(x: Tensor, *values: Tensor) -> Tensor:
        attended = torch.func.functional_call(attention, dict(zip(names, values, strict=True)), (x,))
        assert isinstance(attended, Tensor)
        return attended

    assert torch.autograd.gradcheck(attend, (x.requires_grad_(), *values))


def test_channels_attend_in_float32_under_autocast() -> None:
    attention = _awake(ChannelAttention())
    # Energies of some hundreds, where bfloat16 knows no halves.
    x = (3 * torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(1))).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = attention(x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), attention.double()(x.double()), rtol=2**-7, atol=2**-7)


def _awake(attention: Attention) -> Attention:
    """Give every parameter that starts from 0 a value."""
    with torch.no_grad():
        for number, parameter in enumerate(attention.parameters()):
            if not parameter.any():
                parameter.fill_(0.5 + 0.1 * number)
    return attention
