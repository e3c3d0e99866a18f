"""The tensors that are listed without a framework are those of the networks themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mvd.config import ModelConfig
from mvd.config.recipes import RECIPES
from mvd.models.state import state_shapes
from mvd.weights.shapes import network_shapes


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_the_tensors_of_its_network_in_their_order(name: str) -> None:
    config = RECIPES[name].model
    assert list(network_shapes(config, 7).items()) == list(state_shapes(config, 7).items())


@pytest.mark.parametrize(
    "config",
    [
        *(ModelConfig(arch=arch, base_width=4) for arch in ("resnet18", "resnet34", "resnet101")),
        ModelConfig(arch="resnet18", base_width=4, channel_attention=True, non_local=True, bottleneck=False),
        ModelConfig(arch="resnet18", base_width=4, strips=3, strip_width=6),
        ModelConfig(arch="resnet18", base_width=4, trunk=1, channel_attention=True),
        ModelConfig(arch="resnet18", base_width=4, trunk=3, non_local=True),
        ModelConfig(arch="resnet34", base_width=4, encoders="shared", stems="specific", non_local=True, last_stride=2),
    ],
)
def test_every_part_is_listed(config: ModelConfig) -> None:
    assert list(network_shapes(config, 3).items()) == list(state_shapes(config, 3).items())
    wider = replace(config, base_width=8)
    assert network_shapes(wider, 3) != network_shapes(config, 3)
