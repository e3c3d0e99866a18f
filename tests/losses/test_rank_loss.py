"""The rank loss against the PyTorch release, against loops over pairs, and in the corners."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.losses.rank_loss import rank_loss

if TYPE_CHECKING:
    from conftest import ReadGolden

_CASES = [
    "ctor_defaults",
    "script_defaults",
    "uneven_modalities",
    "no_norm",
    "no_norm_tval2",
    "single_modality",
    "singletons",
    "far_apart_no_norm",
    "duplicate_rows",
]


@pytest.mark.parametrize("case", _CASES)
def test_it_is_the_released_loss(golden: ReadGolden, case: str) -> None:
    arrays = golden("loss_rank")
    features = torch.from_numpy(arrays[f"{case}/x"]).requires_grad_()
    margin, cross_margin, alpha, cross_alpha, temperature = arrays[
        f"{case}/margin1_margin2_alpha1_alpha2_tval"
    ].tolist()
    loss = rank_loss(
        F.normalize(features) if arrays[f"{case}/norm"] else features,
        torch.from_numpy(arrays[f"{case}/label"]),
        torch.from_numpy(arrays[f"{case}/sub"]),
        margins=(margin, cross_margin),
        alphas=(alpha, cross_alpha),
        temperature=temperature,
    )
    (gradient,) = torch.autograd.grad(loss, features)
    np.testing.assert_allclose(loss.item(), arrays[f"{case}/loss"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient, arrays[f"{case}/grad"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_it_is_the_mean_of_what_each_anchor_finds(seed: int, temperature: float) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(13, 3))
    labels, modalities = random.integers(0, 4, 13), random.integers(0, 2, 13)
    x, y, m = (torch.from_numpy(array) for array in (features, labels, modalities))
    loss = _rank(x, y, m, temperature=temperature)
    np.testing.assert_allclose(loss.item(), _loop(features, labels, modalities, temperature), rtol=1e-9)


def test_its_gradient_is_that_of_finite_differences() -> None:
    features = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    labels, modalities = torch.arange(8) // 2 % 3, torch.arange(8) % 2
    assert torch.autograd.gradcheck(lambda values: _rank(values, labels, modalities), features)


def test_the_order_of_rows_does_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels, modalities = torch.randn(12, 4, generator=generator), torch.arange(12) % 4, torch.arange(12) // 6
    order = torch.randperm(12, generator=generator)
    expected = _rank(features, labels, modalities)
    torch.testing.assert_close(_rank(features[order], labels[order], modalities[order]), expected)


def test_positives_near_enough_and_negatives_far_enough_cost_nothing() -> None:
    features = torch.tensor([[0.0, 0.0], [0.0, 0.9], [3.0, 0.0], [3.0, 0.9]], requires_grad=True)
    loss = _rank(features, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]))
    (gradient,) = torch.autograd.grad(loss, features)
    assert loss.item() == 0
    assert torch.all(gradient == 0)


@pytest.mark.parametrize(
    ("labels", "modalities"),
    [([3], [1]), ([3, 3, 3, 3], [0, 0, 0, 0]), ([3, 3, 3, 3], [0, 0, 1, 1]), ([0, 1, 2, 3], [1, 1, 1, 1])],
    ids=["one picture", "one person and modality", "one person", "one picture of each person"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_empty_groups_and_identical_pictures_stay_finite(
    labels: list[int], modalities: list[int], dtype: torch.dtype
) -> None:
    features = torch.ones(len(labels), 4, dtype=dtype, requires_grad=True)
    loss = _rank(features, torch.tensor(labels), torch.tensor(modalities))
    (gradient,) = torch.autograd.grad(loss, features)
    # Pictures of one person are near enough; those of others, at a distance of 0, are α too near.
    torch.testing.assert_close(loss, torch.tensor(2.2 if len(set(labels)) > 1 else 0.0, dtype=dtype), rtol=1e-2, atol=0)
    assert torch.isfinite(gradient).all()


def _rank(features: Tensor, labels: Tensor, modalities: Tensor, temperature: float = 1.0) -> Tensor:
    return rank_loss(features, labels, modalities, margins=(0.9, 1.0), alphas=(2.2, 2.0), temperature=temperature)


def _loop(
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    modalities: npt.NDArray[np.int64],
    temperature: float,
) -> float:
    total = 0.0
    for anchor in range(len(features)):
        for same_modality, margin, alpha in ((True, 0.9, 2.2), (False, 1.0, 2.0)):
            pulls, pushes, weights = [], [], []
            for other in range(len(features)):
                if other == anchor or (modalities[other] == modalities[anchor]) != same_modality:
                    continue
                distance = float(np.linalg.norm(features[other] - features[anchor]))
                if labels[other] == labels[anchor]:
                    pulls.append(max(0.0, distance - (alpha - margin)))
                elif distance < alpha:
                    weights.append(math.exp(temperature * (alpha - distance)))
                    pushes.append(weights[-1] * (alpha - distance))
            total += sum(pulls) / (len(pulls) + 1e-5) + sum(pushes) / (sum(weights) + 1e-5)
    return total / len(features)
