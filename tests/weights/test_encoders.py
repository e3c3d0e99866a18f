"""The encoder's tensors as they are listed against the encoder as it is built."""

from __future__ import annotations

import pytest

from mvd.config import ModelConfig
from mvd.models.resnet import ResNet
from mvd.weights.encoders import ARCHITECTURES, encoder_shapes, find_architecture, resnet_shapes


@pytest.mark.parametrize(
    "config",
    [
        *(ModelConfig(arch=arch, base_width=4) for arch in ("resnet18", "resnet34", "resnet50", "resnet101")),
        ModelConfig(arch="resnet18", base_width=8, channel_attention=True, third_norm="mindspore", last_stride=2),
        ModelConfig(arch="resnet18", base_width=4, non_local=True),
        ModelConfig(arch="resnet50", base_width=4, non_local=True, encoders="shared", stems="specific"),
    ],
    ids=lambda config: f"{config.arch}-{config.channel_attention}-{config.non_local}-{config.stems}",
)
def test_encoders_have_the_tensors_that_are_listed(config: ModelConfig) -> None:
    built = {name: tuple(value.shape) for name, value in ResNet(config).state_dict().items()}
    assert encoder_shapes(config) == built


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_architectures_are_found_by_their_tensors(arch: str) -> None:
    shapes = resnet_shapes(arch, 16)
    assert find_architecture(shapes | {"fc.weight": (10, 16)}) == arch
    assert find_architecture({name: shape for name, shape in shapes.items() if "layer4" not in name}) is None
    assert find_architecture({}) is None
    assert find_architecture(shapes | {"conv1.weight": ()}) is None
