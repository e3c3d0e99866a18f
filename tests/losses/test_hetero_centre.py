"""The hetero-centre triplet loss against the MindSpore release and against loops over people and modalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mvd.losses.hetero_centre import hetero_centre_triplet_loss

if TYPE_CHECKING:
    from conftest import ReadGolden


@pytest.mark.parametrize("case", ["center_4ids", "center_6ids", "center_separated"])
def test_it_is_the_released_loss_where_groups_are_four_consecutive_rows(golden: ReadGolden, case: str) -> None:
    arrays = golden("loss_triplet_mvdms")
    features = torch.from_numpy(arrays[f"{case}/x"]).requires_grad_()
    labels = torch.from_numpy(arrays[f"{case}/label"])
    modalities = (torch.arange(len(labels)) >= len(labels) // 2).long()
    loss = hetero_centre_triplet_loss(features, labels, modalities, margin=0.3)
    (gradient,) = torch.autograd.grad(loss, features)
    np.testing.assert_allclose(loss.item(), arrays[f"{case}/center"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(gradient, arrays[f"{case}/center_grad"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_groups_of_any_size_and_order_give_the_mean_over_centres(seed: int) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(20, 6))
    labels = random.integers(0, 4, 20)
    modalities = random.integers(0, 2, 20)
    loss = hetero_centre_triplet_loss(*map(torch.from_numpy, (features, labels, modalities)), margin=2.0)
    expected = _loop(features, labels, modalities, margin=2.0)
    assert expected > 0
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


def test_a_person_seen_by_one_modality_only_is_a_centre_without_a_partner() -> None:
    features = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 0.5]], dtype=torch.float64)
    loss = hetero_centre_triplet_loss(features, torch.tensor([7, 7, 9]), torch.tensor([0, 0, 0]), margin=1.0)
    # Centres (1, 0) and (1, ½), half a unit apart; each is its own furthest positive, at 1e-6.
    np.testing.assert_allclose(loss.item(), 1.0 + 1e-6 - 0.5, rtol=1e-12)


def _loop(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], modalities: npt.NDArray[np.int64], margin: float
) -> float:
    groups = sorted(set(zip(labels.tolist(), modalities.tolist(), strict=True)))
    centres = {
        (label, modality): features[(labels == label) & (modalities == modality)].mean(axis=0)
        for label, modality in groups
    }
    hinges = []
    for anchor in groups:
        positives = [_distance(centres[anchor], centres[other]) for other in groups if other[0] == anchor[0]]
        negatives = [_distance(centres[anchor], centres[other]) for other in groups if other[0] != anchor[0]]
        hinges.append(max(0.0, margin + max(positives) - min(negatives)))
    return float(np.mean(hinges))


def _distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    return max(float(np.linalg.norm(a - b)), 1e-6)
