"""Sinkhorn mutual learning against the PyTorch release, against its iteration step by step, and in the corners."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mvd.losses import CML, conventional_mutual_learning

if TYPE_CHECKING:
    from conftest import Golden, ReadGolden

_CASES = [
    "mild",
    "mild_sharper",
    "peaked_same_label",
    "peaked_shuffled",
    "near_onehot",
    "identical",
    "eps0.1_iter5",
    "near_uniform_395",
]


@pytest.mark.parametrize("case", _CASES)
def test_it_is_the_released_loss(golden: ReadGolden, case: str) -> None:
    arrays = golden("loss_sinkhorn")
    logits = _logits(arrays, case, torch.float64)
    loss = _case(arrays, case, logits)
    gradients = torch.autograd.grad(loss, logits)
    np.testing.assert_allclose(loss.item(), arrays[f"{case}/loss"], rtol=0, atol=1e-8)
    for gradient, name in zip(gradients, "xy", strict=True):
        np.testing.assert_allclose(gradient, arrays[f"{case}/grad_{name}_logits"], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("case", _CASES)
def test_it_is_the_released_loss_of_float32_logits_too(golden: ReadGolden, case: str) -> None:
    arrays = golden("loss_sinkhorn")
    logits = _logits(arrays, case, torch.float32)
    loss = _case(arrays, case, logits)
    gradient, _ = torch.autograd.grad(loss, logits)
    assert loss.dtype == torch.float32
    np.testing.assert_allclose(loss.item(), arrays[f"{case}/loss_float32"], rtol=0, atol=2e-6)
    np.testing.assert_allclose(gradient, arrays[f"{case}/grad_x_float32"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("case", ["mild", "mild_sharper", "near_onehot"])
def test_iterations_beyond_the_stop_have_no_part_in_it(golden: ReadGolden, case: str) -> None:
    arrays = golden("loss_sinkhorn")
    logits = _logits(arrays, case, torch.float64)
    needed = arrays[f"{case}/iterations"].item()
    exactly, more, fewer = (_loss(*logits, iterations=count) for count in (needed, needed + 50, needed - 1))
    assert more.item() == exactly.item() != fewer.item()
    for one, other in zip(torch.autograd.grad(more, logits), torch.autograd.grad(exactly, logits), strict=True):
        assert torch.equal(one, other)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    batch=st.integers(1, 9),
    classes=st.integers(2, 6),
    scale=st.sampled_from([0.1, 1.0, 4.0, 12.0]),
    eps=st.sampled_from([0.01, 0.05, 1.0]),
    iterations=st.integers(1, 60),
)
def test_it_is_the_iteration_in_logarithms(
    seed: int, batch: int, classes: int, scale: float, eps: float, iterations: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = [
        (scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)).requires_grad_() for _ in "xy"
    ]
    loss = _loss(*logits, eps=eps, iterations=iterations)
    expected = _step_by_step(*logits, eps=eps, iterations=iterations)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-12)
    for gradient, wanted in zip(torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-10)


def test_its_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(4, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in "xy"]
    assert torch.autograd.gradcheck(lambda x, y: _loss(x, y, eps=0.1, iterations=7), logits)


def test_the_order_of_the_pictures_of_either_side_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (2 * torch.randn(10, 6, generator=generator) for _ in "xy")
    order = torch.randperm(10, generator=generator)
    torch.testing.assert_close(_loss(x[order], y), _loss(x, y))
    torch.testing.assert_close(_loss(x, y[order]), _loss(x, y))


@pytest.mark.parametrize("eps", [0.005, 0.01, 1.0])
@pytest.mark.parametrize("iterations", [1, 100, 400])
@pytest.mark.parametrize("moved", [1, 5, 8])
def test_certain_classes_that_disagree_stay_finite(eps: float, iterations: int, moved: int) -> None:
    y = torch.zeros(8, 3)
    y[:, 0] = 2000.0
    x = y.clone()
    x[:moved] = x[:moved].roll(1, dims=1)
    x.requires_grad_()
    loss = _loss(x, y, eps=eps, iterations=iterations)
    (gradient,) = torch.autograd.grad(loss, x)
    assert 0 <= loss.item() <= 2
    assert torch.isfinite(gradient).all()


def test_certain_classes_that_all_disagree_are_two_apart() -> None:
    x = torch.tensor([[500.0, 0.0]]).repeat(4, 1)
    torch.testing.assert_close(_loss(x, x.flip(dims=(1,))), torch.tensor(2.0), rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_precision_logits_have_finite_gradients(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [(5 * torch.randn(16, 9, generator=generator)).to(dtype).requires_grad_() for _ in "xy"]
    loss = _loss(*logits)
    assert loss.dtype == dtype
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(loss, logits))


def test_a_second_gradient_is_refused_rather_than_wrong() -> None:
    logits = [torch.randn(3, 4, requires_grad=True) for _ in "xy"]
    gradient, _ = torch.autograd.grad(_loss(*logits), logits, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        torch.autograd.backward(gradient.sum())


def test_the_module_is_the_function() -> None:
    x, y = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(CML(eps=0.1, iterations=3)(x, y), conventional_mutual_learning(x, y, eps=0.1, iterations=3))


def _logits(arrays: Golden, case: str, dtype: torch.dtype) -> list[Tensor]:
    return [torch.from_numpy(arrays[f"{case}/{name}_logits"]).to(dtype).requires_grad_() for name in "xy"]


def _case(arrays: Golden, case: str, logits: list[Tensor]) -> Tensor:
    return _loss(*logits, eps=arrays[f"{case}/eps"].item(), iterations=arrays[f"{case}/max_iter"].item())


def _loss(x: Tensor, y: Tensor, *, eps: float = 0.01, iterations: int = 100) -> Tensor:
    """x are the logits of the infrared branch, as in the release."""
    return conventional_mutual_learning(y, x, eps=eps, iterations=iterations)


def _step_by_step(x: Tensor, y: Tensor, *, eps: float, iterations: int) -> Tensor:
    cost = (x.softmax(dim=1)[:, None] - y.softmax(dim=1)[None, :]).square().sum(dim=2)
    share = math.log(1 / len(x) + 1e-8)
    u, v = torch.zeros(len(x), 1, dtype=x.dtype), torch.zeros(1, len(y), dtype=y.dtype)
    for _ in range(iterations):
        before = u
        u = u + eps * (share - torch.log(torch.exp((u + v - cost) / eps).sum(dim=1, keepdim=True) + 1e-6))
        v = v + eps * (share - torch.log(torch.exp((u + v - cost) / eps).sum(dim=0, keepdim=True) + 1e-6))
        if (u - before).abs().sum() < 0.1:
            break
    return (torch.exp((u + v - cost) / eps) * cost).sum()
