"""The network's tensors as they are listed against the network as it is built."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mvd.config import ModelConfig
from mvd.config.recipes import RECIPES
from mvd.models.factory import build_network
from mvd.weights.networks import network_shapes

_SMALL = ModelConfig(arch="resnet18", base_width=4, bottleneck_widths=(7, 6), z_dim=5, classifier_width=3)


@pytest.mark.parametrize(
    "config",
    [
        *(recipe.model for recipe in RECIPES.values()),
        _SMALL,
        replace(_SMALL, bottleneck=False),
        replace(_SMALL, encoders="shared", stems="specific", non_local=True),
    ],
)
def test_networks_have_the_tensors_that_are_listed(config: ModelConfig) -> None:
    with torch.device("meta"):
        built = {name: tuple(value.shape) for name, value in build_network(config, 9).state_dict().items()}
    assert network_shapes(config, 9) == built
