"""The encoders: torchvision's names and sizes, strides, padding, attention, stems, initial weights, one graph."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pytest
import torch
from models.released import count_trained_parameters
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.attention import NonLocal
from mvd.models.resnet import ResNet
from mvd.models.resnet_blocks import Stem

_RESNET50 = ModelConfig(arch="resnet50", last_stride=2)
_SMALL = ModelConfig(arch="resnet18", base_width=8)
_STEMS = replace(_SMALL, encoders="shared", stems="specific")
_STRIDES: tuple[Literal[1, 2], ...] = (2, 1)
_EVERY_SIZE = [
    (ModelConfig(arch="resnet18", base_width=8), 64),
    (ModelConfig(arch="resnet34", base_width=8), 64),
    (ModelConfig(arch="resnet50", base_width=8), 256),
    (ModelConfig(arch="resnet101", base_width=8), 256),
]


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (ModelConfig(arch="resnet18"), 11_689_512 - 513_000),
        (ModelConfig(arch="resnet34"), 21_797_672 - 513_000),
        (ModelConfig(arch="resnet50"), 25_557_032 - 2_049_000),
        (ModelConfig(arch="resnet101"), 44_549_160 - 2_049_000),
    ],
)
def test_it_has_the_published_size_less_the_classifier(config: ModelConfig, published: int) -> None:
    with torch.device("meta"):
        assert count_trained_parameters(ResNet(config)) == published


def test_its_parameters_carry_the_names_of_torchvision() -> None:
    with torch.device("meta"):
        assert {name for name, _ in ResNet(_RESNET50).named_parameters()} == set(_torchvision_names())


@pytest.mark.parametrize("padding", ["pytorch", "same"])
@pytest.mark.parametrize(("config", "channels"), _EVERY_SIZE)
def test_every_size_encodes_pictures_of_odd_sizes_too(
    config: ModelConfig, channels: int, padding: Literal["pytorch", "same"]
) -> None:
    config = replace(config, padding=padding)
    with torch.no_grad():
        coarse, fine = (ResNet(replace(config, last_stride=stride)).eval() for stride in _STRIDES)
        assert coarse.channels == fine.channels == channels
        assert coarse(torch.randn(2, 3, 33, 20)).shape == (2, channels, 2, 1)
        assert fine(torch.randn(2, 3, 33, 20)).shape == (2, channels, 3, 2)


def test_a_block_has_its_stride_in_the_3x3_convolution() -> None:
    with torch.device("meta"):
        block = ResNet(_RESNET50).layer2[0]
    strides = [getattr(block, name).stride for name in ("conv1", "conv2", "conv3")]
    assert strides == [(1, 1), (2, 2), (1, 1)]


@pytest.mark.parametrize("size", [32, 33])
def test_same_padding_puts_the_smaller_half_before(size: int) -> None:
    encoder = ResNet(replace(_SMALL, padding="same"))
    images = torch.randn(1, 3, size, size)
    before, after = (2, 3) if size % 2 == 0 else (3, 3)
    padded = F.pad(images, (before, after, before, after))
    torch.testing.assert_close(encoder.conv1(images), F.conv2d(padded, encoder.conv1.weight, stride=2))

    before, after = (0, 1) if size % 2 == 0 else (1, 1)
    padded = F.pad(images, (before, after, before, after), value=-math.inf)
    torch.testing.assert_close(encoder.maxpool(images), F.max_pool2d(padded, 3, 2))


@pytest.mark.parametrize(
    ("config", "blocks"),
    [
        (_RESNET50, ["2.2", "2.3", "3.3", "3.4", "3.5"]),
        (ModelConfig(arch="resnet101"), ["2.2", "2.3", "3.20", "3.21", "3.22"]),
        (_SMALL, ["2.0", "2.1", "3.0", "3.1"]),
    ],
)
def test_positions_attend_after_the_last_blocks_of_stages_2_and_3(config: ModelConfig, blocks: list[str]) -> None:
    with torch.device("meta"):
        encoder = ResNet(replace(config, non_local=True))
    attentions = [name for name, module in encoder.named_modules() if isinstance(module, NonLocal)]
    assert attentions == [f"layer{block}.non_local" for block in blocks]


def test_attention_starts_from_nothing_and_leaves_the_other_weights_alone() -> None:
    images = torch.randn(2, 3, 32, 16)
    torch.manual_seed(0)
    plain = ResNet(_SMALL).train()
    torch.manual_seed(0)
    attentive = ResNet(replace(_SMALL, channel_attention=True, non_local=True)).train()
    weights = attentive.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in plain.state_dict().items())
    assert torch.equal(attentive(images), plain(images))


def test_channels_attend_before_each_of_the_last_three_stages() -> None:
    encoder = ResNet(replace(_SMALL, channel_attention=True)).eval()
    for stage in (2, 3, 4):
        nn.init.constant_(getattr(encoder, f"attention{stage}").gamma, 0.1 * stage)
    images = torch.randn(2, 3, 32, 16)
    with torch.no_grad():
        x = encoder.layer1(encoder.maxpool(F.relu(encoder.bn1(encoder.conv1(images)))))
        x = encoder.layer2(encoder.attention2(x))
        x = encoder.layer3(encoder.attention3(x))
        torch.testing.assert_close(encoder(images), encoder.layer4(encoder.attention4(x)))


def test_each_picture_takes_the_stem_of_its_modality() -> None:
    encoder = ResNet(_STEMS).eval()
    images, modalities = torch.randn(5, 3, 32, 16), torch.tensor([1, 0, 0, 1, 0])
    with torch.no_grad():
        found = encoder(images, modalities)
        for image, modality, features in zip(images, modalities, found, strict=True):
            stem = _stems(encoder)[modality]
            x = encoder.maxpool(F.relu(stem.bn1(stem.conv1(image[None]))))
            expected = encoder.layer4(encoder.layer3(encoder.layer2(encoder.layer1(x))))
            torch.testing.assert_close(features[None], expected, rtol=1e-4, atol=1e-5)


def test_the_norm_of_a_stem_sees_only_its_own_modality() -> None:
    encoder = ResNet(_STEMS).train()
    images, modalities = torch.randn(6, 3, 32, 16), torch.tensor([0, 1, 1, 0, 0, 1])
    images[modalities == 1] += 5
    encoder(images, modalities)
    for modality, stem in enumerate(_stems(encoder)):
        expected = 0.1 * stem.conv1(images[modalities == modality]).mean(dim=(0, 2, 3))
        torch.testing.assert_close(stem.bn1.running_mean, expected)


def test_a_batch_of_one_modality_leaves_the_other_stem_alone() -> None:
    encoder = ResNet(_STEMS).train()
    images, visible = torch.randn(4, 3, 32, 16), torch.zeros(4, dtype=torch.int64)
    encoder(images, visible)
    assert [int(stem.state_dict()["bn1.num_batches_tracked"]) for stem in _stems(encoder)] == [1, 0]


@pytest.mark.parametrize(("modalities", "found"), [(None, "none"), (torch.tensor([0, 1]), "2 for 3 pictures")])
def test_two_stems_ask_for_the_modality_of_every_picture(modalities: Tensor | None, found: str) -> None:
    with pytest.raises(ConfigError, match=rf"model\.stems: expected the modality of every picture.*found {found};"):
        ResNet(_STEMS)(torch.randn(3, 3, 32, 16), modalities)


def test_convolutions_start_from_he_normal_over_outputs() -> None:
    torch.manual_seed(0)
    for module in ResNet(ModelConfig(arch="resnet18", base_width=32)).modules():
        if isinstance(module, nn.Conv2d):
            rows = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            values = module.weight.detach() / math.sqrt(2 / rows)
            # Five standard errors of the standard deviation of a normal sample.
            assert abs(values.std().item() - 1) < 5 / math.sqrt(2 * values.numel())


@pytest.mark.parametrize(("arch", "last"), [("resnet18", "bn2"), ("resnet50", "bn3")])
def test_mindspore_constants_are_those_of_the_last_norm_alone(arch: Literal["resnet18", "resnet50"], last: str) -> None:
    encoder = ResNet(replace(_SMALL, arch=arch, third_norm="mindspore"))
    norms = {name: module for name, module in encoder.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for name, norm in norms.items():
        special = name.startswith("layer") and name.endswith(last)
        assert (norm.eps, norm.momentum) == ((1e-3, 0.003) if special else (1e-5, 0.1)), name
        assert torch.all(norm.weight == (0.0 if special else 1.0)), name


@pytest.mark.parametrize("config", [replace(_SMALL, padding="same"), replace(_SMALL, channel_attention=True)])
def test_it_compiles_to_one_graph_with_same_padding_and_attention_too(config: ModelConfig) -> None:
    encoder = ResNet(replace(config, non_local=True)).eval()
    images = torch.randn(2, 3, 32, 16)
    compiled = torch.compile(encoder, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(images), encoder(images))


def _stems(encoder: ResNet) -> tuple[Stem, Stem]:
    """Return the visible and the infrared stem."""
    assert encoder.infrared_stem is not None
    return encoder, encoder.infrared_stem


def _torchvision_names() -> Iterator[str]:
    def norm(prefix: str) -> list[str]:
        return [f"{prefix}.weight", f"{prefix}.bias"]

    yield from ("conv1.weight", *norm("bn1"))
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for index in range(depth):
            block = f"layer{stage}.{index}"
            for n in (1, 2, 3):
                yield from (f"{block}.conv{n}.weight", *norm(f"{block}.bn{n}"))
            if index == 0:
                yield from (f"{block}.downsample.0.weight", *norm(f"{block}.downsample.1"))
