"""The quadruple-centre loss against loops over rows, and against the order of rows of the code that it is from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mvd.losses.quadruple_centre import quadruple_centre_loss


def slowly(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], modalities: npt.NDArray[np.int64], margin: float
) -> float:
    total = 0.0
    for row, feature in enumerate(features):
        partners = (labels == labels[row]) & (modalities != modalities[row])
        pulled = np.linalg.norm(feature - features[partners].mean(axis=0)) if partners.any() else 0.0
        hinges = [
            max(0.0, margin - float(np.linalg.norm(feature - features[labels == label].mean(axis=0))))
            for label in labels
            if label != labels[row]
        ]
        total += 0.5 * (float(pulled) + (float(np.mean(hinges)) if hinges else 0.0))
    return total / len(features)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_mean_over_rows_of_a_pull_and_pushes(seed: int) -> None:
    random = np.random.default_rng(seed)
    features, labels = random.normal(size=(18, 4)), random.integers(0, 4, 18)
    modalities = random.integers(0, 2, 18)
    wanted = torch.from_numpy(features).requires_grad_()
    loss = quadruple_centre_loss(wanted, torch.from_numpy(labels), torch.from_numpy(modalities), margin=2.5)
    np.testing.assert_allclose(loss.item(), slowly(features, labels, modalities, 2.5), rtol=1e-12)
    assert torch.autograd.gradcheck(
        lambda x: quadruple_centre_loss(x, torch.from_numpy(labels), torch.from_numpy(modalities), margin=2.5), wanted
    )


def test_four_streams_in_the_order_of_the_code_give_what_it_gives() -> None:
    """MSCMNet's rows: visible twice, infrared twice, each with the identities in one order; partners go by place."""
    features = np.random.default_rng(7).normal(size=(24, 5))
    labels = np.tile(np.repeat([4, 1, 9], 2), 4)
    half = len(features) // 2
    expected = 0.0
    for row, feature in enumerate(features):
        place = (row + half) % len(features)
        other = slice(half, None) if row < half else slice(0, half)
        centre = features[other][labels[other] == labels[place]].mean(axis=0)
        centres = np.stack([features[labels == label].mean(axis=0) for label in labels])
        apart = np.linalg.norm(feature - centres, axis=1)[labels != labels[row]]
        expected += (np.linalg.norm(feature - centre) + np.maximum(0, 2.0 - apart).mean()) / 2 / len(features)
    modalities = torch.tensor(12 * [0] + 12 * [1])
    loss = quadruple_centre_loss(torch.from_numpy(features), torch.from_numpy(labels), modalities, margin=2.0)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


def test_rows_at_their_centres_and_without_others_have_a_finite_gradient() -> None:
    features = torch.zeros(4, 3, requires_grad=True)
    loss = quadruple_centre_loss(features, torch.tensor([1, 1, 1, 1]), torch.tensor([0, 0, 1, 1]))
    torch.autograd.backward(loss)
    assert features.grad is not None
    assert features.grad.isfinite().all()
    assert loss.item() == pytest.approx(0.5e-6)
