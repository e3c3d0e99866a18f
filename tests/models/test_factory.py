"""Networks by configuration and by name, around our ResNet or an own encoder, with and without weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

from mvd.config import ModelConfig, RunConfig
from mvd.config.recipes import RECIPES
from mvd.errors import CheckpointError, ConfigError
from mvd.losses import build_objective
from mvd.models.baseline import Baseline
from mvd.models.factory import Encoder, build_network, create_model
from mvd.models.mvd import MVD
from mvd.models.state import network_tensors

_SMALL: dict[str, Any] = {"arch": "resnet18", "base_width": 4}


class Own(nn.Module):
    """A small encoder with a batch norm, of 6 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 6, 3, 4, 1), nn.BatchNorm2d(6), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.layers(images)
        return maps


class Pyramid(Own):
    """The same, as one map of several, as timm's `features_only` gives them."""

    def forward(self, images: Tensor) -> list[Tensor]:  # type: ignore[override]
        return [images, super().forward(images)]


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
    assert network.eval().embed(images, modalities).isfinite().all()


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


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_by_the_name_of_a_recipe_is_that_of_the_recipe(name: str) -> None:
    network = create_model(name, classes=3, **_SMALL)
    assert network.config == replace(RECIPES[name].model, **_SMALL)
    images, modalities = torch.randn(2, 3, 64, 32), torch.tensor([0, 1])
    assert network.train()(images, modalities).predictions[0].logits.shape == (2, 3)
    with torch.no_grad():
        embeddings = network.eval()(images, modalities)
        assert torch.equal(embeddings, network.embed(images, modalities))
    assert embeddings.dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("resnet", {}, r"create_model: expected one of mvd, .*, found 'resnet'"),
        ("mvd", {"zdim": 3}, r"create_model: .*extra fields found \(zdim\)"),
        ("mvd", {"arch": "vgg16"}, r"create_model: .*expected one of resnet18, .*, found 'vgg16'"),
        ("mvd", {"gem_p": 0.5}, r"create_model: .*model\.gem_p: expected from 1 to 10, found 0\.5"),
        (RunConfig(), {"zdim": 3}, r"create_model: .*extra fields found \(zdim\)"),
        (None, {}, r"^create_model: expected the name of a recipe, a RunConfig or a ModelConfig, found NoneType$"),
        (RunConfig().losses, {}, r"^create_model: expected the name of a recipe, .*, found LossConfig$"),
        (RunConfig, {}, r"^create_model: expected the name of a recipe, .*, found type$"),
    ],
)
def test_a_wrong_name_or_field_is_refused(name: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        create_model(name, classes=3, **fields)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_configuration_takes_the_place_of_a_name() -> None:
    config = replace(RECIPES["agw"], model=replace(RECIPES["agw"].model, **_SMALL))
    for given in (config, config.model):
        assert create_model(given, classes=3).config == config.model
        changed = create_model(given, classes=3, descriptor_flip=True)  # keywords still override
        assert changed.config == replace(config.model, descriptor_flip=True)


@pytest.mark.parametrize("encoder", [Own(), Own, Pyramid()], ids=["module", "factory", "pyramid"])
@pytest.mark.parametrize("name", ["mvd", "baseline"])
def test_an_own_encoder_takes_the_place_of_the_resnet(name: str, encoder: Encoder) -> None:
    torch.manual_seed(0)
    network = create_model(name, classes=3, encoder=encoder)
    images, labels, modalities = torch.randn(6, 3, 32, 16), torch.arange(6) // 2, torch.arange(6) % 2
    assert network.eval()(images).shape == (6, 6 * (4 if name == "mvd" else 1))
    assert {key for key in network.state_dict() if key.startswith("shared.encoder.")} == {
        f"shared.encoder.{key}" for key in Own().state_dict()
    }
    losses = build_objective(RECIPES[name])(network.train()(images), labels, modalities)
    torch.autograd.backward(losses.total)
    assert all(parameter.grad is not None for parameter in network.shared.encoder.parameters())


def test_each_branch_has_a_copy_of_the_encoder_with_its_weights_and_statistics() -> None:
    encoder = Own().train()
    given = {name: value.clone() for name, value in encoder.state_dict().items()}
    network = create_model("mvd", classes=3, encoder=encoder)
    assert isinstance(network, MVD)
    for branch in (network.visible, network.infrared, network.shared):
        assert branch.encoder is not encoder
        assert branch.encoder.training
        torch.testing.assert_close(dict(branch.encoder.state_dict()), given, rtol=0, atol=0)
    with torch.no_grad():
        next(network.visible.encoder.parameters()).zero_()
    assert next(network.infrared.encoder.parameters()).abs().max() > 0


@pytest.mark.parametrize(
    ("encoder", "found"),
    [
        (nn.Sequential(Own(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), r"found shape \(1, 6\)"),
        (nn.Linear(5, 3), r"found RuntimeError \(.*\)"),
        (lambda: 3, "found int"),
        ("own.py:make", "found str"),
    ],
)
def test_an_encoder_that_gives_no_map_is_refused_in_one_line(encoder: Any, found: str) -> None:
    with pytest.raises(ConfigError, match=rf"^encoder: expected a module.* {found}") as caught:
        create_model("mvd", classes=3, encoder=encoder)
    assert "\n" not in str(caught.value)


def test_a_configuration_names_an_encoder_by_its_import_path(tiny: ModelConfig) -> None:
    network = build_network(replace(tiny, encoder=f"{__file__}:Own"), 3)
    assert network.eval()(torch.randn(2, 3, 32, 16)).shape == (2, 24)
    with pytest.raises(ConfigError, match=r"^model\.encoder: expected 'Nobody' in "):
        build_network(replace(tiny, encoder=f"{__file__}:Nobody"), 3)


def test_pretrained_weights_are_loaded_and_what_matched_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    file = tmp_path / "whole.safetensors"
    source = network_tensors(create_model("mvd", classes=3, **_SMALL))
    save_file(source, file)
    with caplog.at_level(logging.INFO, logger="mvd"):
        found = network_tensors(create_model("mvd", classes=5, pretrained=file, **_SMALL))
    replaced = {name for name, values in source.items() if not np.array_equal(values, found[name])}
    assert replaced
    assert all("classifier" in name for name in replaced)
    assert f"{file}: {len(source) - 12} tensors matched" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_with_an_own_encoder_the_weights_are_those_of_the_same_network(tmp_path: Path) -> None:
    file, other = tmp_path / "own.safetensors", tmp_path / "other.safetensors"
    source = network_tensors(create_model("mvd", classes=3, encoder=Own()))
    meta = {"mvd": '{"step": 0, "epoch": 0, "metrics": {}, "best": null}'}
    save_file(source, file, metadata=meta)
    found = network_tensors(create_model("mvd", classes=3, encoder=Own(), pretrained=file))
    assert all(np.array_equal(values, found[name]) for name, values in source.items())
    save_file(network_tensors(create_model("mvd", classes=3, **_SMALL)), other, metadata=meta)
    with pytest.raises(CheckpointError, match="expected the weights of this run's network, found"):
        create_model("mvd", classes=3, encoder=Own(), pretrained=other)
