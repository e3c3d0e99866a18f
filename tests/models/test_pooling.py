"""Pooling: the mean and the generalised mean, their limits, and channels that are 0 everywhere."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mvd.config import ModelConfig
from mvd.models.pooling import generalised_mean, pool


@pytest.fixture
def feature_map() -> Tensor:
    return torch.rand(2, 5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_configuration_chooses(feature_map: Tensor) -> None:
    torch.testing.assert_close(pool(feature_map, ModelConfig()), feature_map.mean(dim=(2, 3)))
    cubic = (feature_map**3).mean(dim=(2, 3)) ** (1 / 3)
    torch.testing.assert_close(pool(feature_map, ModelConfig(pooling="gem")), cubic)
    square = (feature_map**2).mean(dim=(2, 3)).sqrt()
    torch.testing.assert_close(pool(feature_map, ModelConfig(pooling="gem", gem_p=2.0)), square)


def test_order_1_is_the_average_and_high_orders_near_the_maximum(feature_map: Tensor) -> None:
    torch.testing.assert_close(generalised_mean(feature_map, 1.0), feature_map.mean(dim=(2, 3)))
    large = 10 * feature_map + 1
    torch.testing.assert_close(generalised_mean(large, 250.0), large.amax(dim=(2, 3)), rtol=0.01, atol=0)


@given(st.floats(1, 10), st.floats(1, 10), st.integers(0, 99))
def test_it_grows_with_its_order(p: float, q: float, seed: int) -> None:
    drawn = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    low, high = (generalised_mean(drawn, order) for order in sorted((p, q)))
    assert (high >= low - 1e-9).all()


@pytest.mark.parametrize("p", [1.0, 2.5, 3.0])
def test_a_channel_that_is_0_everywhere_has_a_finite_gradient(p: float) -> None:
    feature_map = torch.zeros(1, 2, 3, 3, requires_grad=True)
    torch.autograd.backward(generalised_mean(feature_map, p).sum())
    assert feature_map.grad is not None
    assert feature_map.grad.isfinite().all()


def test_the_powers_of_bfloat16_maps_are_taken_in_float32(feature_map: Tensor) -> None:
    rounded = feature_map.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = generalised_mean(rounded, 3.0)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), generalised_mean(rounded.double(), 3.0), rtol=1e-5, atol=0)
