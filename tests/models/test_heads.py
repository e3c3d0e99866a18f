"""The heads: the order of their layers, the frozen bias, a start near uniform."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.models.heads import BNNeck, InformationBottleneck


def test_the_bottleneck_is_the_mlp_of_the_paper(tiny: ModelConfig) -> None:
    head = InformationBottleneck(10, 6, tiny).eval()
    observation = torch.randn(4, 10)
    w = dict(head.named_parameters())
    # In eval mode a fresh norm divides by sqrt(1 + eps) and does no more.
    scale = 1 / math.sqrt(1 + 1e-5)
    hidden = F.relu(observation @ w["layers.0.weight"].T * scale)
    hidden = F.relu(hidden @ w["layers.3.weight"].T * scale)
    z = hidden @ w["layers.6.weight"].T
    hidden = z @ w["classifier.0.weight"].T * scale
    hidden = torch.where(hidden > 0, hidden, 0.1 * hidden)

    features, logits = head(observation)
    torch.testing.assert_close(features, z)
    torch.testing.assert_close(logits, hidden @ w["classifier.4.weight"].T)


def test_dropout_acts_on_the_classifier_of_z_and_not_on_z(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    head = InformationBottleneck(10, 6, replace(tiny, dropout=0.5)).train()
    observation = torch.randn(4, 10)
    first, second = head(observation), head(observation)
    torch.testing.assert_close(first.features, second.features)
    assert not torch.allclose(first.logits, second.logits)


@pytest.mark.parametrize("trained", [True, False])
def test_the_bias_of_the_neck_is_trained_when_asked(tiny: ModelConfig, trained: bool) -> None:
    neck = BNNeck(10, 6, replace(tiny, neck_bias=trained))
    frozen = {name for name, parameter in neck.named_parameters() if not parameter.requires_grad}
    assert frozen == (set() if trained else {"norm.bias"})


def test_the_classifier_reads_the_normalised_feature(tiny: ModelConfig) -> None:
    neck = BNNeck(10, 6, tiny).train()
    pooled = 3 + 5 * torch.randn(8, 10)
    features, logits = neck(pooled)
    normalised = (pooled - pooled.mean(0)) / (pooled.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(features, normalised)
    torch.testing.assert_close(logits, normalised @ neck.classifier.weight.T)


def test_both_classifiers_start_near_uniform(tiny: ModelConfig) -> None:
    torch.manual_seed(0)
    observation = BNNeck(64, 6, tiny)(torch.randn(16, 64))
    for head in (observation, InformationBottleneck(64, 6, tiny)(observation.features)):
        torch.testing.assert_close(head.logits.softmax(1), torch.full((16, 6), 1 / 6), rtol=0, atol=0.02)
