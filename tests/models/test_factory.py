"""Which network a configuration builds, and which configurations contradict themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from mvd.config import ModelConfig
from mvd.errors import ConfigError
from mvd.models.baseline import Baseline
from mvd.models.factory import build_network
from mvd.models.mvd import MVD


def test_the_configuration_decides_which_network_is_built(tiny: ModelConfig) -> None:
    assert type(build_network(tiny, 3)) is MVD
    assert type(build_network(replace(tiny, encoders="shared"), 3)) is Baseline


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"channel_attention": True, "non_local": True},
        {"pooling": "gem", "metric_neck": "before", "descriptor_neck": "before"},
        {"bottleneck": False},
        {"descriptor": "both", "descriptor_norm": "whole"},
        {"encoders": "shared"},
        {"encoders": "shared", "stems": "specific", "bottleneck": False},
    ],
)
def test_every_network_trains_and_describes_mixed_pictures(tiny: ModelConfig, change: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = build_network(replace(tiny, **change), 3).train()  # type: ignore[arg-type]
    images, modalities = torch.randn(6, 3, 32, 16), torch.tensor([0, 0, 0, 1, 1, 1])
    output = network(images, modalities)
    torch.autograd.backward(torch.stack([head.logits.square().sum() for head in output.predictions]).sum())
    for name, parameter in network.named_parameters():
        assert not parameter.requires_grad or parameter.grad is not None, name
    assert network.eval().descriptor(images, modalities).isfinite().all()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: ModelConfig(gem_p=0.5), "model.gem_p"),
        (lambda: ModelConfig(gem_p=11), "model.gem_p"),
        (lambda: ModelConfig(stems="specific"), "model.stems"),
        (lambda: ModelConfig(bottleneck=False, descriptor="representation"), "model.descriptor"),
        (lambda: ModelConfig(bottleneck=False, descriptor="both"), "model.descriptor"),
    ],
)
def test_a_configuration_that_contradicts_itself_is_refused(make: Callable[[], ModelConfig], field: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{field.replace('.', r'[.]')}: expected .*, found "):
        make()
