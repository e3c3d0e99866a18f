"""The weighted-regularisation triplet loss against AGW's code, against loops, and in the corners."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from mvd.losses.weighted_triplet import weighted_triplet_loss

if TYPE_CHECKING:
    from conftest import ReadGolden

_CASES = ["balanced", "two_modalities_4x4", "tight", "unbalanced_with_singleton", "well_separated"]


@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize("unit", [False, True])
def test_it_is_the_released_loss(golden: ReadGolden, case: str, unit: bool) -> None:
    arrays = golden("loss_triplet")
    features = torch.from_numpy(arrays[f"{case}/x"]).requires_grad_()
    seen = F.normalize(features) if unit else features
    loss = weighted_triplet_loss(seen, torch.from_numpy(arrays[f"{case}/label"]))
    (gradient,) = torch.autograd.grad(loss, features)
    name = f"{case}/agw_wrt_norm{unit:d}"
    np.testing.assert_allclose(loss.item(), arrays[name], rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient, arrays[f"{name}_grad"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_it_is_the_mean_of_the_weighted_triplets(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    features, labels = random.normal(scale=scale, size=(11, 4)), random.integers(0, 5, 11)
    loss = weighted_triplet_loss(torch.from_numpy(features), torch.from_numpy(labels))
    np.testing.assert_allclose(loss.item(), _loop(features, labels), rtol=1e-9)


def test_its_gradient_is_that_of_finite_differences() -> None:
    features = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3])
    assert torch.autograd.gradcheck(lambda values: weighted_triplet_loss(values, labels), features)


def test_the_order_of_rows_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(12, 4, generator=generator), torch.arange(12) % 4
    order = torch.randperm(12, generator=generator)
    expected = weighted_triplet_loss(features, labels)
    torch.testing.assert_close(weighted_triplet_loss(features[order], labels[order]), expected)


def test_without_negatives_only_the_positives_count() -> None:
    features = torch.tensor([[0.0, 0.0], [0.0, 1.0]], requires_grad=True)
    loss = weighted_triplet_loss(features, torch.tensor([4, 4]))
    # Each row weighs itself, at 0, by 1 and the other, at 1, by e.
    torch.testing.assert_close(loss, torch.tensor(math.log1p(math.exp(math.e / (1 + math.e)))))
    (gradient,) = torch.autograd.grad(loss, features)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("rows", [1, 6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_identical_pictures_have_a_finite_slope(rows: int, dtype: torch.dtype) -> None:
    features = torch.ones(rows, 4, dtype=dtype, requires_grad=True)
    loss = weighted_triplet_loss(features, torch.arange(rows) // 2)
    (gradient,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(loss, torch.tensor(math.log(2), dtype=dtype))
    assert torch.isfinite(gradient).all()


def _loop(features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    losses = []
    for a, own in zip(features, labels, strict=True):
        distances = [max(float(np.linalg.norm(a - b)), 1e-6) for b in features]
        positives = [d for d, label in zip(distances, labels, strict=True) if label == own]
        negatives = [d for d, label in zip(distances, labels, strict=True) if label != own]
        largest = max(positives)
        furthest = _mean(positives, [math.exp(d - largest) for d in positives])
        nearest = _mean(negatives, [math.exp(-d) for d in negatives])
        losses.append(math.log1p(math.exp(furthest - nearest)))
    return float(np.mean(losses))


def _mean(values: list[float], weights: list[float]) -> float:
    return sum(w * v for w, v in zip(weights, values, strict=True)) / (sum(weights) + 1e-6)
