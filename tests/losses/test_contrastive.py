"""The supervised contrastive loss against loops over rows and their positives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mvd.config import LossConfig, ModelConfig
from mvd.errors import ConfigError
from mvd.losses.contrastive import contrastive_loss
from mvd.losses.objective import loss_terms
from mvd.models.factory import build_network


def slowly(features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], temperature: float) -> float:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    rows = []
    for row in range(len(unit)):
        others = [other for other in range(len(unit)) if other != row]
        positives = [other for other in others if labels[other] == labels[row]]
        if not positives:
            continue
        whole = sum(np.exp(unit[row] @ unit[other] / temperature) for other in others)
        rows.append(-np.mean([np.log(np.exp(unit[row] @ unit[one] / temperature) / whole) for one in positives]))
    return float(np.mean(rows))


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_mean_over_rows_with_positives(seed: int, temperature: float) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(14, 5))
    labels = np.append(random.integers(0, 4, 13), 9)  # the last is alone
    wanted = torch.from_numpy(features).requires_grad_()
    loss = contrastive_loss(wanted, torch.from_numpy(labels), temperature=temperature)
    np.testing.assert_allclose(loss.item(), slowly(features, labels, temperature), rtol=1e-10)
    assert torch.autograd.gradcheck(
        lambda x: contrastive_loss(x, torch.from_numpy(labels), temperature=temperature), wanted
    )


def test_lengths_do_not_matter_and_the_nearest_negative_counts_most() -> None:
    features = torch.randn(12, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(4).repeat(3)
    scaled = features * torch.rand(12, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64).add(0.5)
    torch.testing.assert_close(contrastive_loss(features, labels), contrastive_loss(scaled, labels))
    anchors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.9, 0.4], [-1.0, 0.1]], requires_grad=True)
    torch.autograd.backward(contrastive_loss(anchors, torch.tensor([0, 0, 1, 2])))
    assert anchors.grad is not None
    assert anchors.grad[2].norm() > 100 * anchors.grad[3].norm()


def test_a_batch_of_strangers_has_a_loss_of_nothing_and_a_finite_gradient() -> None:
    features = torch.zeros(3, 4, requires_grad=True)
    loss = contrastive_loss(features, torch.tensor([0, 1, 2]))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_a_temperature_near_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"losses\.contrastive_temperature: expected at least 0\.01, found 0\.001"):
        LossConfig(contrastive_weight=1.0, contrastive_temperature=0.001)


def test_the_term_sums_over_heads_with_the_weights_of_their_branches(tiny: ModelConfig) -> None:
    output = build_network(tiny, 5).train()(torch.randn(6, 3, 32, 16, generator=torch.Generator().manual_seed(0)))
    labels, modalities = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([0, 0, 0, 1, 1, 1])
    terms = {term.name: term for term in loss_terms(LossConfig(contrastive_weight=2.0, contrastive_temperature=0.5))}
    assert terms["contrastive"].weight == 2.0
    expected = sum(
        weight * contrastive_loss(head.features, labels, temperature=0.5)
        for weight, branches in ((0.5, output[:2]), (0.25, output[2:]))
        for branch in branches
        for head in branch
    )
    torch.testing.assert_close(terms["contrastive"].loss(output, labels, modalities), expected)
