"""The network: four passes, the grey version, the descriptor, size, seeding, memory format, precision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.backends.pytorch.mvd import MVD, count_trained_parameters
from mvd.config import ModelConfig
from mvd.errors import ConfigError

if TYPE_CHECKING:
    from backends.pytorch.conftest import ReadGolden

_CLASSES = 5


@pytest.fixture
def network(tiny: ModelConfig) -> MVD:
    torch.manual_seed(0)
    return MVD(tiny, _CLASSES)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 32, 16, generator=torch.Generator().manual_seed(1))


def test_it_has_the_published_size() -> None:
    with torch.device("meta"):
        network = MVD(ModelConfig(arch="resnet50", z_dim=512, neck_bias=True), classes=395)
    assert count_trained_parameters(network) == 82_091_550


def test_a_frozen_bias_does_not_count_as_trained() -> None:
    with torch.device("meta"):
        network = MVD(ModelConfig(arch="resnet50", z_dim=512, neck_bias=False), classes=395)
    assert count_trained_parameters(network) == 82_091_550 - 3 * 2048


def test_all_four_passes_see_every_picture(network: MVD, images: Tensor) -> None:
    output = network(images)
    for branch in output:
        assert branch.observation.features.shape == (4, 64)
        assert branch.representation.features.shape == (4, 16)
        assert branch.observation.logits.shape == branch.representation.logits.shape == (4, _CLASSES)
    heads = [(head.features, head.logits) for branch in output for head in branch]
    assert [(head.features, head.logits) for head in output.predictions] == heads
    assert len(heads) == 8


def test_the_infrared_passes_see_only_grey(network: MVD, images: Tensor) -> None:
    weights = network.grey_weights.reshape(3)
    # Red up and green down by as much as leaves their weighted sum alone.
    change = torch.stack([1 / weights[0], -1 / weights[1], torch.zeros(())]).reshape(1, 3, 1, 1)
    recoloured = images + change * torch.randn(4, 1, 32, 16)
    network.eval()
    with torch.no_grad():
        before, after = network(images), network(recoloured)
    for name in ("infrared", "shared_infrared"):
        torch.testing.assert_close(getattr(before, name), getattr(after, name), rtol=1e-4, atol=1e-4)
    for name in ("visible", "shared_visible"):
        change = getattr(before, name).observation.features - getattr(after, name).observation.features
        assert change.abs().max() > 0.01


def test_the_shared_passes_share_weights_and_the_specific_ones_do_not(network: MVD, images: Tensor) -> None:
    network.eval()
    grey = network.grey(images)
    with torch.no_grad():
        output = network(grey / network.grey_weights.sum())
    # A grey picture is its own grey version, so the two shared passes are the same computation.
    torch.testing.assert_close(output.shared_visible, output.shared_infrared, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(output.visible.observation.features, output.infrared.observation.features, atol=0.01)


@pytest.mark.parametrize(
    ("blue", "expected"), [(0.1140, "mvd_pt_float64"), (0.1440, "mvd_ms_weights_float64")], ids=["pytorch", "mindspore"]
)
def test_grey_weighs_the_channels_as_the_release(
    golden: ReadGolden, tiny: ModelConfig, blue: float, expected: str
) -> None:
    arrays = golden("to_edge")
    network = MVD(replace(tiny, grey_weights=(0.2989, 0.5870, blue)), _CLASSES)
    grey = network.grey(torch.from_numpy(arrays["x"]))
    for channel in range(3):
        np.testing.assert_allclose(grey[:, channel : channel + 1], arrays[expected], rtol=0, atol=1e-6)


def test_the_descriptor_joins_the_four_observations_each_of_length_one(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        output = network(images)
        found = network.descriptor(images)
    expected = torch.cat(
        [branch.observation.features / branch.observation.features.norm(dim=1, keepdim=True) for branch in output],
        dim=1,
    )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close((found * found).sum(1), torch.full((4,), 4.0))


def test_the_descriptor_computes_no_head(network: MVD, images: Tensor) -> None:
    for branch in (network.visible, network.infrared, network.shared):
        for head in (branch.neck.classifier, branch.bottleneck):
            head.register_forward_pre_hook(lambda *_: pytest.fail("a head was computed"))
    assert network.eval().descriptor(images).shape == (4, 256)


def test_a_picture_has_a_descriptor_of_its_own_whatever_the_batch(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        together = network.descriptor(images)
        alone = torch.cat([network.descriptor(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert torch.pdist(together).min() > 0.01


def test_the_seed_decides_the_weights(tiny: ModelConfig) -> None:
    def weights(seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        return MVD(tiny, _CLASSES).state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["visible.encoder.conv1.weight"], other["visible.encoder.conv1.weight"])
    assert not torch.equal(first["visible.encoder.conv1.weight"], first["shared.encoder.conv1.weight"])


def test_the_grey_weights_are_no_part_of_a_checkpoint(network: MVD) -> None:
    assert not [name for name in network.state_dict() if "grey" in name]


def test_memory_format_changes_nothing(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        expected = network.descriptor(images)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found = network.descriptor(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_the_descriptor_under_autocast_is_float32_and_close(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        expected = network.descriptor(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = network.descriptor(images)
    assert found.dtype == torch.float32
    assert F.cosine_similarity(found, expected).min() > 0.99


def test_training_and_descriptor_compile_to_one_graph(network: MVD, images: Tensor) -> None:
    network.eval()
    forward = torch.compile(network, fullgraph=True, backend="eager")
    descriptor = torch.compile(network.descriptor, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(forward(images), network(images))
        torch.testing.assert_close(descriptor(images), network.descriptor(images))


def test_fewer_than_two_people_are_refused(tiny: ModelConfig) -> None:
    with pytest.raises(ConfigError, match=r"at least 2 identities.*found 1"):
        MVD(tiny, 1)
