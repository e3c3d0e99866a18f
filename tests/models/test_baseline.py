"""The baseline: one pass, AGW's size, its place within MVD, stems by modality."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from models.released import count_trained_parameters
from torch import Tensor

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.baseline import Baseline
from mvd.models.mvd import MVD
from mvd.models.outputs import SharedOutput

_AGW = ModelConfig(
    encoders="shared", stems="specific", non_local=True, pooling="gem", bottleneck=False, metric_neck="before"
)
_CLASSES = 5


@pytest.fixture
def shared(tiny: ModelConfig) -> ModelConfig:
    return replace(tiny, encoders="shared", bottleneck=False)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 32, 16, generator=torch.Generator().manual_seed(1))


def test_it_has_the_size_of_agw() -> None:
    with torch.device("meta"):
        network = Baseline(_AGW, classes=395)
    # The public code has 24,357,263 that it uses, and no bias in its classifier.
    assert count_trained_parameters(network) == 24_357_263 + 395


def test_it_is_the_shared_branch_of_mvd_by_name_and_by_value(
    tiny: ModelConfig, shared: ModelConfig, images: Tensor
) -> None:
    whole, alone = MVD(tiny, _CLASSES).eval(), Baseline(replace(shared, bottleneck=True), _CLASSES).eval()
    weights = {name: value for name, value in whole.state_dict().items() if name.startswith("shared.")}
    alone.load_state_dict(weights)
    with torch.no_grad():
        torch.testing.assert_close(alone.outputs(images).shared, whole.outputs(images).shared_visible)
        torch.testing.assert_close(alone.embed(images), whole.embed(images).chunk(4, dim=1)[2])


@pytest.mark.parametrize("bottleneck", [True, False])
def test_its_output_is_one_branch(shared: ModelConfig, images: Tensor, bottleneck: bool) -> None:
    output = Baseline(replace(shared, bottleneck=bottleneck), _CLASSES)(images)
    assert isinstance(output, SharedOutput)
    assert len(output.shared.heads) == 1 + bottleneck
    assert output.specific_heads == []
    assert output.shared_heads == output.predictions == output.shared.heads
    assert all(head.logits.shape == (4, _CLASSES) for head in output.predictions)


@pytest.mark.parametrize("norm", ["each", "whole"])
def test_its_descriptor_has_length_one(shared: ModelConfig, images: Tensor, norm: str) -> None:
    network = Baseline(replace(shared, descriptor_norm=norm), _CLASSES).eval()  # type: ignore[arg-type]
    descriptors = network.embed(images)
    assert descriptors.shape == (4, 64)
    torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(4))


def test_stems_are_told_apart_in_training_and_in_descriptors(shared: ModelConfig, images: Tensor) -> None:
    network = Baseline(replace(shared, stems="specific"), _CLASSES).eval()
    visible, infrared = torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    mixed = torch.tensor([0, 1, 1, 0])
    for compute in (network.embed, lambda *inputs: network.outputs(*inputs).shared.observation.features):
        with torch.no_grad():
            as_visible, as_infrared, found = (compute(images, told) for told in (visible, infrared, mixed))
        assert (as_visible - as_infrared).abs().max() > 0.01
        torch.testing.assert_close(found, torch.where(mixed[:, None] == 0, as_visible, as_infrared))


def test_with_stems_the_modality_of_a_picture_must_be_known(shared: ModelConfig, images: Tensor) -> None:
    network = Baseline(replace(shared, stems="specific"), _CLASSES)
    for compute in (network, network.embed):
        with pytest.raises(ConfigError, match=r"model\.stems: expected the modality of every picture.*found none"):
            compute(images)


def test_training_and_embedding_compile_to_one_graph(shared: ModelConfig, images: Tensor) -> None:
    network = Baseline(shared, _CLASSES)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), network(images))
        network.eval()
        torch.testing.assert_close(compiled(images), network.embed(images))


def test_with_a_flip_parts_are_averaged_over_picture_and_mirror_image(shared: ModelConfig, images: Tensor) -> None:
    both = Baseline(replace(shared, bottleneck=True, descriptor="both", descriptor_flip=True), 5).eval()
    found = both.embed(images)
    torch.testing.assert_close(both.embed(images.flip(3)), found)
    expected = []
    for picture in images:
        one, mirrored = (both.shared.embed(view[None]) for view in (picture, picture.flip(2)))
        means = [(a[0] + b[0]) / 2 for a, b in zip(one, mirrored, strict=True)]
        expected.append(torch.cat([mean / mean.norm() for mean in means]))
    torch.testing.assert_close(found, torch.stack(expected))
    plain = Baseline(replace(shared, bottleneck=True, descriptor="both"), 5).eval()
    plain.load_state_dict(both.state_dict())
    assert (plain.embed(images) - found).abs().max() > 1e-4
