"""The batch-hard triplet loss against both releases, and in the corners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from mvd.losses.triplet import triplet_loss

if TYPE_CHECKING:
    from conftest import ReadGolden

_CASES = ["balanced", "two_modalities_4x4", "tight", "unbalanced_with_singleton", "well_separated"]


@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize(
    ("file", "value", "slope"),
    [
        ("loss_triplet", "agw_ori_margin0.3", "agw_ori_margin0.3_grad"),
        ("loss_triplet_mvdms", "ori", "ori_grad"),
    ],
    ids=["agw", "mindspore"],
)
def test_it_is_the_released_loss(golden: ReadGolden, file: str, value: str, slope: str, case: str) -> None:
    arrays = golden(file)
    features = torch.from_numpy(arrays[f"{case}/x"]).requires_grad_()
    loss = triplet_loss(features, torch.from_numpy(arrays[f"{case}/label"]), margin=0.3)
    (gradient,) = torch.autograd.grad(loss, features)
    np.testing.assert_allclose(loss.item(), arrays[f"{case}/{value}"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient, arrays[f"{case}/{slope}"], rtol=0, atol=1e-9)


def test_identical_pictures_have_a_finite_slope() -> None:
    features = torch.ones(6, 4).requires_grad_()
    loss = triplet_loss(features, torch.tensor([0, 0, 1, 1, 2, 2]), margin=0.3)
    (gradient,) = torch.autograd.grad(loss, features)
    torch.testing.assert_close(loss, torch.tensor(0.3))
    assert torch.isfinite(gradient).all()


def test_a_batch_of_one_person_has_no_triplets() -> None:
    features = torch.randn(4, 3).requires_grad_()
    loss = triplet_loss(features, torch.zeros(4, dtype=torch.int64), margin=0.3)
    (gradient,) = torch.autograd.grad(loss, features)
    assert loss.item() == 0
    assert torch.all(gradient == 0)
