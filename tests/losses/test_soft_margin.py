"""Soft margins: log(1 + exp(d⁺ − d⁻)) of the triplets that a margin would take."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mvd.config import LossConfig
from mvd.errors import ConfigError
from mvd.losses.hetero_centre import hetero_centre_triplet_loss
from mvd.losses.objective import loss_terms
from mvd.losses.triplet import triplet_loss
from mvd.models.outputs import Branch, Prediction, SharedOutput


def slowly(features: torch.Tensor, labels: torch.Tensor) -> float:
    total = 0.0
    for anchor, label in zip(features, labels, strict=True):
        distances = [float((anchor - other).norm()) for other in features]
        furthest = max(max(d, 1e-6) for d, other in zip(distances, labels, strict=True) if other == label)
        nearest = min(d for d, other in zip(distances, labels, strict=True) if other != label)
        total += math.log(1 + math.exp(furthest - nearest))
    return total / len(features)


def test_a_soft_margin_is_the_softplus_of_the_hardest_triplet() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(12, 5, generator=generator, dtype=torch.float64)
    labels = torch.arange(12) % 4
    np.testing.assert_allclose(triplet_loss(features, labels, margin=None).item(), slowly(features, labels), rtol=1e-9)


def test_a_soft_margin_of_centres_is_that_of_their_triplets() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(16, 5, generator=generator, dtype=torch.float64)
    labels, modalities = torch.arange(16) % 4, torch.arange(16) // 8
    centres = torch.stack([features[(labels == y) & (modalities == m)].mean(dim=0) for y in range(4) for m in range(2)])
    expected = slowly(centres, torch.arange(8) // 2)
    found = hetero_centre_triplet_loss(features, labels, modalities, margin=None)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-9)


@pytest.mark.parametrize("metric", ["triplet", "centre"])
def test_the_configuration_chooses_it(metric: str) -> None:
    features = torch.randn(8, 3, generator=torch.Generator().manual_seed(2))
    output = SharedOutput(Branch(Prediction(features, torch.zeros(8, 2))))
    labels, modalities = torch.arange(8) % 4, torch.arange(8) // 4
    config = LossConfig(metric=metric, soft_margin=True, unit_features=False, shared=1.0)  # type: ignore[arg-type]
    (term,) = (term for term in loss_terms(config) if term.name == "metric")
    expected = (
        triplet_loss(features, labels, margin=None)
        if metric == "triplet"
        else hetero_centre_triplet_loss(features, labels, modalities, margin=None)
    )
    torch.testing.assert_close(term.loss(output, labels, modalities), expected)


def test_other_metric_losses_have_no_soft_form() -> None:
    with pytest.raises(ConfigError, match=r"losses\.soft_margin: expected --losses\.metric triplet or centre"):
        LossConfig(metric="wrt", soft_margin=True)
