"""First stages that the three branches share: the same function as three encoders that agree there."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.factory import build_network
from mvd.models.mvd import MVD
from mvd.models.outputs import tensors_of

SHARED = {1: ("conv1", "bn1", "layer1"), 3: ("conv1", "bn1", "layer1", "layer2", "layer3")}


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 64, 32, generator=torch.Generator().manual_seed(0))


def _pair(config: ModelConfig, trunk: Literal[1, 3]) -> tuple[MVD, MVD]:
    """Build a network that shares stages, and one of whole encoders with the same weights."""
    tied, whole = build_network(replace(config, trunk=trunk), 5), build_network(config, 5)
    assert isinstance(tied, MVD)
    assert isinstance(whole, MVD)
    weights = tied.state_dict()
    for name in whole.state_dict().keys() - weights.keys():
        branch, _, rest = name.partition(".")
        assert branch in {"visible", "infrared"}
        weights[name] = weights[f"shared.{rest}"]
    whole.load_state_dict(weights)
    return tied, whole


@pytest.mark.parametrize("trunk", [1, 3])
def test_specific_encoders_have_only_the_later_stages(tiny: ModelConfig, trunk: Literal[1, 3]) -> None:
    network = build_network(replace(tiny, channel_attention=True, trunk=trunk), 5)
    names = {name.split(".")[2] for name in network.state_dict() if name.startswith("visible.encoder.")}
    assert names == {f"{part}{stage}" for stage in range(trunk + 1, 5) for part in ("layer", "attention")} - {
        f"attention{trunk + 1}", "attention1",
    }  # fmt: skip
    assert {*SHARED[trunk]} <= {name.split(".")[2] for name in network.state_dict() if "shared.encoder" in name}


@pytest.mark.parametrize("trunk", [1, 3])
@pytest.mark.parametrize("first", ["colour", "grey"])
def test_it_computes_what_whole_encoders_with_the_same_weights_compute(
    tiny: ModelConfig, images: Tensor, trunk: Literal[1, 3], first: Literal["colour", "grey"]
) -> None:
    tied, whole = (network.double() for network in _pair(replace(tiny, shared_first=first, dropout=0.0), trunk))
    torch.testing.assert_close(tied.eval()(images.double()), whole.eval()(images.double()))
    tied.train(), whole.train()
    for one, other in zip(tensors_of(tied(images.double())), tensors_of(whole(images.double())), strict=True):
        torch.testing.assert_close(one, other)
    statistics = [network.state_dict()["shared.encoder.bn1.running_mean"] for network in (tied, whole)]
    assert torch.equal(*statistics)


def test_a_shared_stage_gets_the_gradients_of_all_branches(tiny: ModelConfig, images: Tensor) -> None:
    tied, whole = (network.double() for network in _pair(replace(tiny, dropout=0.0), 3))
    for network in (tied, whole):
        loss = torch.stack([tensor.square().mean() for tensor in tensors_of(network(images.double()))]).sum()
        torch.autograd.backward(loss)
    filters = [
        whole.get_parameter(f"{branch}.encoder.conv1.weight").grad for branch in ("visible", "infrared", "shared")
    ]
    torch.testing.assert_close(tied.get_parameter("shared.encoder.conv1.weight").grad, sum(filters))
    assert all(parameter.grad is not None for parameter in tied.parameters() if parameter.requires_grad)


def test_a_trunk_needs_three_resnets(tiny: ModelConfig) -> None:
    for other in (replace(tiny, encoders="shared", bottleneck=False), replace(tiny, encoder="torch.nn:Identity")):
        with pytest.raises(ConfigError, match=r"model\.trunk: expected 0, or a ResNet in the three branches"):
            replace(other, trunk=2)
