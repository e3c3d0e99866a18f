"""MVD: four passes, the grey version, the descriptor, names, size, seeding, memory format, precision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch
from models.released import count_trained_parameters
from torch import Tensor
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.mvd import MVD
from mvd.models.outputs import MVDOutput

if TYPE_CHECKING:
    from conftest import ReadGolden

_CLASSES = 5


@pytest.fixture
def network(tiny: ModelConfig) -> MVD:
    return _build(tiny)


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
        before, after = network.outputs(images), network.outputs(recoloured)
    for name in ("infrared", "shared_infrared"):
        torch.testing.assert_close(getattr(before, name), getattr(after, name), rtol=1e-4, atol=1e-4)
    for name in ("visible", "shared_visible"):
        change = getattr(before, name).observation.features - getattr(after, name).observation.features
        assert change.abs().max() > 0.01


def test_the_shared_passes_share_weights_and_the_specific_ones_do_not(network: MVD, images: Tensor) -> None:
    network.eval()
    grey = network.grey(images)
    with torch.no_grad():
        output = network.outputs(grey / network.grey_weights.sum())
    # A grey picture is its own grey version, so the two shared passes are the same computation.
    torch.testing.assert_close(output.shared_visible, output.shared_infrared, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(output.visible.observation.features, output.infrared.observation.features, atol=0.01)


def test_which_shared_pass_comes_first_changes_running_statistics_alone(tiny: ModelConfig, images: Tensor) -> None:
    colour, grey = (_build(replace(tiny, shared_first=first)).train() for first in ("colour", "grey"))
    torch.testing.assert_close(colour(images), grey(images))
    statistics = grey.state_dict()
    changed = {name for name, value in colour.state_dict().items() if not torch.equal(value, statistics[name])}
    assert changed
    assert all(name.startswith("shared.") and ".running_" in name for name in changed)


def test_without_bottlenecks_the_observations_are_left(tiny: ModelConfig, network: MVD, images: Tensor) -> None:
    plain = MVD(replace(tiny, bottleneck=False), _CLASSES)
    weights = {name: value for name, value in network.state_dict().items() if ".bottleneck." not in name}
    plain.load_state_dict(weights)
    found, whole = plain.eval().outputs(images), network.eval().outputs(images)
    for name, branch in found._asdict().items():
        assert branch.representation is None
        torch.testing.assert_close(branch.observation, getattr(whole, name).observation)
    assert found.predictions == [branch.observation for branch in found]


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
        output = network.outputs(images)
        found = network.embed(images)
    expected = torch.cat(
        [branch.observation.features / branch.observation.features.norm(dim=1, keepdim=True) for branch in output],
        dim=1,
    )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close((found * found).sum(1), torch.full((4,), 4.0))


@pytest.mark.parametrize("norm", ["each", "whole"])
@pytest.mark.parametrize("neck", ["before", "after"])
@pytest.mark.parametrize("what", ["observation", "representation", "both"])
def test_the_descriptor_is_what_the_configuration_asks_for(
    tiny: ModelConfig,
    images: Tensor,
    what: Literal["observation", "representation", "both"],
    neck: Literal["before", "after"],
    norm: Literal["each", "whole"],
) -> None:
    network = _build(replace(tiny, descriptor=what, descriptor_neck=neck, descriptor_norm=norm, metric_neck=neck))
    network.eval()
    with torch.no_grad():
        # The metric loss sees the same side of the neck here, so the output has the observations to compare with.
        heads = ("observation", "representation") if what == "both" else (what,)
        parts = [getattr(branch, head).features for branch in network.outputs(images) for head in heads]
        found = network.embed(images)
    if norm == "each":
        parts = [part / part.norm(dim=1, keepdim=True) for part in parts]
    joined = torch.cat(parts, dim=1)
    if norm == "whole":
        joined = joined / joined.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, joined)


def test_the_metric_loss_can_see_observations_before_the_neck(tiny: ModelConfig, images: Tensor) -> None:
    before, after = (_build(replace(tiny, metric_neck=side)).train() for side in ("before", "after"))
    pooled, normalised = before(images), after(images)
    for found, expected, branch in zip(pooled, normalised, ("visible", "infrared", "shared", "shared"), strict=True):
        torch.testing.assert_close(found.observation.logits, expected.observation.logits)
        torch.testing.assert_close(found.representation, expected.representation)
        norm = getattr(before, branch).neck.norm
        torch.testing.assert_close(norm(found.observation.features), expected.observation.features)


def test_the_descriptor_computes_no_head(network: MVD, images: Tensor) -> None:
    for name, module in network.named_modules():
        if ".bottleneck" in name or "classifier" in name:
            module.register_forward_pre_hook(lambda *_: pytest.fail("a head was computed"))
    assert network.eval().embed(images).shape == (4, 256)


def test_a_picture_has_a_descriptor_of_its_own_whatever_the_batch(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        together = network.embed(images)
        alone = torch.cat([network.embed(image[None]) for image in images])
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


def test_weights_have_the_names_of_earlier_checkpoints(network: MVD) -> None:
    heads = {name for name in network.state_dict() if ".encoder." not in name}
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    linear = ("weight", "bias")
    layers = {"neck.norm": norm, "neck.classifier": linear}
    layers |= {f"bottleneck.layers.{n}": linear for n in (0, 3, 6)} | {f"bottleneck.layers.{n}": norm for n in (1, 4)}
    layers |= {f"bottleneck.classifier.{n}": linear for n in (0, 4)} | {"bottleneck.classifier.1": norm}
    expected = {f"{layer}.{leaf}" for layer, leaves in layers.items() for leaf in leaves}
    assert heads == {f"{branch}.{name}" for branch in ("visible", "infrared", "shared") for name in expected}


def test_the_grey_weights_are_no_part_of_a_checkpoint(network: MVD) -> None:
    assert not [name for name in network.state_dict() if "grey" in name]


def test_memory_format_changes_nothing(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        expected = network.embed(images)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found = network.embed(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_the_descriptor_under_autocast_is_float32_and_close(network: MVD, images: Tensor) -> None:
    network.eval()
    with torch.no_grad():
        expected = network.embed(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = network.embed(images)
    assert found.dtype == torch.float32
    assert F.cosine_similarity(found, expected).min() > 0.99


def test_training_and_descriptor_compile_to_one_graph(network: MVD, images: Tensor) -> None:
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(images), network(images))
        network.eval()
        torch.testing.assert_close(compiled(images), network.embed(images))


def test_it_gives_outputs_in_training_and_embeddings_in_eval_mode(network: MVD, images: Tensor) -> None:
    assert isinstance(network.train()(images), MVDOutput)
    with torch.no_grad():
        assert torch.equal(network.eval()(images), network.embed(images))
        expected = network.outputs(images).shared_visible.observation.features
        torch.testing.assert_close(network(images).chunk(4, dim=1)[2], F.normalize(expected))


def test_fewer_than_two_people_are_refused(tiny: ModelConfig) -> None:
    with pytest.raises(ConfigError, match=r"at least 2 identities.*found 1"):
        MVD(tiny, 1)


def _build(config: ModelConfig) -> MVD:
    torch.manual_seed(0)
    return MVD(config, _CLASSES)


def test_a_flip_averages_each_pass_over_picture_and_mirror_image(tiny: ModelConfig, images: Tensor) -> None:
    network = MVD(replace(tiny, descriptor_flip=True), 5).eval()
    grey = network.grey(images)
    expected = []
    for branch, pictures in (
        (network.visible, images), (network.infrared, grey), (network.shared, images), (network.shared, grey),
    ):  # fmt: skip
        mean = (branch.embed(pictures)[0] + branch.embed(pictures.flip(3))[0]) / 2
        expected.append(mean / mean.norm(dim=1, keepdim=True))
    torch.testing.assert_close(network.embed(images), torch.cat(expected, dim=1))
