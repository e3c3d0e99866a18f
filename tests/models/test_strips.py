"""Strips: pooled apart, with heads of their own, in outputs, losses, descriptors and parts of a batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from mvd.config import LossConfig, ModelConfig
from mvd.errors import ConfigError
from mvd.losses.objective import loss_terms
from mvd.models.factory import build_network
from mvd.models.outputs import SharedOutput, map_tensors, tensors_of
from mvd.models.strips import Strips

LABELS, MODALITIES = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(4, 3, 96, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("rows", "bounds"), [(6, [0, 2, 4, 6]), (7, [0, 2, 4, 7]), (3, [0, 1, 2, 3])])
def test_each_strip_is_pooled_by_itself(rows: int, bounds: list[int]) -> None:
    strips = Strips(5, 2, ModelConfig(strips=3, pooling="gem", strip_width=4))
    feature_map = torch.rand(2, 5, rows, 4, generator=torch.Generator().manual_seed(1))
    for number, found in enumerate(strips.pooled(feature_map)):
        part = feature_map[:, :, bounds[number] : bounds[number + 1]]
        torch.testing.assert_close(found, (part**3).mean(dim=(2, 3)) ** (1 / 3))


def test_more_strips_than_rows_are_refused() -> None:
    strips = Strips(5, 2, ModelConfig(strips=4))
    with pytest.raises(ConfigError, match=r"model\.strips: expected at most 3, the rows of the feature map, found 4"):
        strips(torch.rand(2, 5, 3, 4))


def test_strips_are_heads_of_each_pass_and_parts_of_its_descriptor(tiny: ModelConfig, images: torch.Tensor) -> None:
    network = build_network(replace(tiny, strips=3, strip_width=10, descriptor="both"), 5)
    output = network.train().outputs(images)
    for branch in output:
        assert [tuple(strip.features.shape) for strip in branch.strips] == 3 * [(4, 10)]
        assert [tuple(strip.logits.shape) for strip in branch.strips] == 3 * [(4, 5)]
        assert len(branch.logits) == 2  # of the distillation losses
    assert len(output.predictions) == 4 * 5
    network.eval()
    parts = network.shared.embed(images)
    assert [part.shape[1] for part in parts] == [64, 10, 10, 10, 16]
    assert network.embed(images).shape == (4, 4 * sum(part.shape[1] for part in parts))
    torch.testing.assert_close(network.embed(images)[:, :64].norm(dim=1), torch.ones(4))


def test_mapping_an_output_keeps_its_structure_and_order(tiny: ModelConfig, images: torch.Tensor) -> None:
    for bottleneck in (True, False):
        network = build_network(replace(tiny, strips=2, strip_width=6, bottleneck=bottleneck), 5)
        output = network.train().outputs(images)
        copies = iter([tensor.clone() for tensor in tensors_of(output)])
        again = map_tensors(output, lambda _, copies=copies: next(copies))  # type: ignore[misc]
        assert torch.equal(torch.cat([t.flatten() for t in tensors_of(again)]),
                           torch.cat([t.flatten() for t in tensors_of(output)]))  # fmt: skip
        for one, other in zip(again, output, strict=True):
            assert (one.representation is None) == (not bottleneck)
            assert torch.equal(one.strips[1].logits, other.strips[1].logits)


def test_strips_count_in_identity_and_metric_losses_as_weighed(tiny: ModelConfig, images: torch.Tensor) -> None:
    network = build_network(replace(tiny, encoders="shared", bottleneck=False, strips=3), 5)
    output = network.train().outputs(images)
    assert isinstance(output, SharedOutput)
    config = LossConfig(metric="triplet", unit_features=False, label_smoothing=0.0, shared=0.5, strips=2.0)
    terms = {term.name: term.loss for term in loss_terms(config)}
    of_strips = [F.cross_entropy(strip.logits, LABELS) for strip in output.shared.strips]
    expected = 0.5 * F.cross_entropy(output.shared.observation.logits, LABELS) + 0.5 * 2.0 * sum(of_strips)
    torch.testing.assert_close(terms["identity"](output, LABELS, MODALITIES), expected)
    alone = replace(config, strips=0.0)
    of_heads = {term.name: term.loss for term in loss_terms(alone)}["metric"](output, LABELS, MODALITIES)
    assert terms["metric"](output, LABELS, MODALITIES) > of_heads
