"""Networks of MindSpore: their weights to and from PyTorch, their names, dropout, and what is refused."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import mindspore
import numpy as np
import pytest
import torch
from parity import CLASSES, SMALL, as_array, draw_batch, mindspore_network, torch_network

import mvd.mindspore
from mvd.config import ModelConfig, RunConfig
from mvd.config.recipes import RECIPES
from mvd.errors import CheckpointError, ConfigError
from mvd.mindspore.models.dropout import draw_dropout
from mvd.mindspore.models.factory import build_network, create_model
from mvd.mindspore.models.state import initial_network, network_tensors, overlay, restore_network
from mvd.models import state
from mvd.weights import convert, read_weights, write_weights
from mvd.weights.names import recognise
from mvd.weights.namings import MINDSPORE_RELEASE

pytestmark = pytest.mark.mindspore

_CONFIG = ModelConfig(**SMALL)


def test_weights_go_there_and_back_with_the_same_bits() -> None:
    for fields in ({}, {"channel_attention": True, "non_local": True}, {"encoders": "shared", "bottleneck": False}):
        config = ModelConfig(**{**SMALL, **fields})
        reference = torch_network(config)
        expected = state.network_tensors(reference)
        network = build_network(config, CLASSES)
        restore_network(network, expected, Path("there"))
        found = network_tensors(network)
        assert {name: (array.dtype, array.shape) for name, array in found.items()} == {
            name: (array.dtype, array.shape) for name, array in expected.items()
        }
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)
        state.restore_network(reference, found, Path("back"))


def test_a_checkpoint_has_the_names_of_the_release(tmp_path: Path) -> None:
    network = mindspore_network(_CONFIG, torch_network(_CONFIG))
    mindspore.save_checkpoint(network, str(tmp_path / "a.ckpt"))
    written = read_weights(tmp_path / "a.ckpt").tensors
    assert recognise(written) is MINDSPORE_RELEASE
    report = convert(tmp_path / "a.ckpt", tmp_path / "a.safetensors", to="mvd")
    assert report.left_over == ()
    expected = network_tensors(network)
    found = read_weights(tmp_path / "a.safetensors").tensors
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_mindspore_loads_what_was_converted_for_it(tmp_path: Path) -> None:
    tensors = state.network_tensors(torch_network(_CONFIG))
    write_weights(tmp_path / "a.safetensors", tensors, "safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "a.ckpt", to="mindspore")
    network = build_network(_CONFIG, CLASSES)
    loaded = mindspore.load_checkpoint(str(tmp_path / "a.ckpt"))
    assert mindspore.load_param_into_net(network, loaded, strict_load=True) == ([], [])
    for name, array in network_tensors(network).items():
        np.testing.assert_array_equal(array, tensors[name], err_msg=name)


def test_weights_that_do_not_fit_are_named() -> None:
    network = build_network(_CONFIG, CLASSES)
    tensors = network_tensors(network)
    name = "shared.neck.classifier.weight"
    rest = {key: value for key, value in tensors.items() if key != name}
    with pytest.raises(CheckpointError, match=rf"a\.ckpt: expected the weights of this run's network, found no {name}"):
        restore_network(network, rest, Path("a.ckpt"))
    with pytest.raises(CheckpointError, match="unknown other"):
        restore_network(network, {**tensors, "other": np.zeros(1)}, Path("a.ckpt"))
    with pytest.raises(CheckpointError, match=r"of shape \(1, 2\) instead of"):
        restore_network(network, {**tensors, name: np.zeros((1, 2))}, Path("a.ckpt"))
    with pytest.raises(CheckpointError, match="other: expected an array of this network"):
        overlay(network, {"other": np.zeros(1)})


def test_weights_start_as_in_pytorch() -> None:
    model = ModelConfig(arch="resnet18", base_width=16, channel_attention=True, non_local=True)
    config = RunConfig(seed=3, model=model)
    first, again = (network_tensors(initial_network(config, 20)) for _ in range(2))
    other = network_tensors(initial_network(RunConfig(seed=4, model=model), 20))
    name = "visible.encoder.layer2.0.conv1.weight"
    assert not np.array_equal(first[name], other[name])
    expected = state.network_tensors(state.initial_network(config, 20, torch.device("cpu")))
    for name, array in expected.items():
        np.testing.assert_array_equal(first[name], again[name], err_msg=name)
        if array.size < 500:
            continue
        deviation = array.std()
        assert first[name].std() == pytest.approx(deviation, rel=0.15), name
        assert first[name].mean() == pytest.approx(array.mean(), abs=0.2 * deviation + 1e-9), name
    trained = {parameter.name for parameter in build_network(model, 20).trainable_params()}
    assert "shared_backbone.base.bottleneck.beta" not in trained
    assert "shared_backbone.base.bottleneck.gamma" in trained


def test_dropout_follows_from_seed_and_step(graph: bool) -> None:
    config = ModelConfig(**{**SMALL, "dropout": 0.5})
    network = mindspore_network(config, torch_network(config)).set_train(True)
    images = mindspore.Tensor(draw_batch().images)
    draws = [draw_dropout(config, len(images), seed=1, step=step) for step in (0, 0, 1)]
    found = []
    for draw in draws:
        output = network(images, None, mindspore.Tensor(draw))
        found.append(as_array(output.shared_infrared.representation.logits))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 0.1
    # Each pass drops what is its own.
    assert draws[0] is not None
    assert len({row.tobytes() for row in draws[0]}) == 4
    assert draw_dropout(_CONFIG, 8, seed=1, step=0) is None


def test_dropout_keeps_the_expectation() -> None:
    drawn = draw_dropout(ModelConfig(dropout=0.2), 64, seed=0, step=0)
    assert drawn is not None
    assert drawn.mean() == pytest.approx(1, abs=0.01)
    assert np.mean(drawn == 0) == pytest.approx(0.2, abs=0.01)


def test_networks_that_are_not_here_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'model\.stems: expected "shared" with framework mindspore.*as agw and caj'):
        create_model("agw", classes=5)
    with pytest.raises(ConfigError, match=r"model\.encoder: expected none with framework mindspore, found 'a\.py:b'"):
        create_model("mvd", classes=5, encoder="a.py:b")
    with pytest.raises(ConfigError, match=r"model\.strips: expected 0 with framework mindspore, found 6"):
        create_model("mvd", classes=5, strips=6)
    with pytest.raises(ConfigError, match=r"model\.descriptor_flip: expected False with framework mindspore"):
        create_model("mvd", classes=5, descriptor_flip=True)
    with pytest.raises(ConfigError, match=r"create_model: expected one of mvd, .*, found 'resnet'"):
        create_model("resnet", classes=5)
    with pytest.raises(ConfigError, match="at least 2 identities"):
        create_model("mvd", classes=1, arch="resnet18", base_width=4)
    with pytest.raises(ConfigError, match="no_such"):
        create_model("mvd", classes=5, no_such=1)


def test_encoders_start_from_a_file(tmp_path: Path) -> None:
    tensors = state.network_tensors(torch_network(_CONFIG))
    encoder = {
        name.removeprefix("shared.encoder."): array for name, array in tensors.items() if "shared.encoder." in name
    }
    write_weights(tmp_path / "resnet.safetensors", encoder, "safetensors")
    network = create_model("mvd", classes=CLASSES, pretrained=tmp_path / "resnet.safetensors", **SMALL)
    for branch in ("visible", "infrared", "shared"):
        found = network_tensors(network)[f"{branch}.encoder.layer3.0.conv1.weight"]
        np.testing.assert_array_equal(found, encoder["layer3.0.conv1.weight"])


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_are_built_or_refused_by_the_field(recipe: str) -> None:
    model = RECIPES[recipe].model
    if model.stems == "shared" and not model.descriptor_flip and not model.strips and not model.trunk:
        assert create_model(recipe, classes=2, arch="resnet18", base_width=4).config.padding == model.padding
    else:
        assert recipe not in {"mvd", "mvd-cvpr21", "mvd-mindspore", "baseline", "demo"}
        with pytest.raises(ConfigError, match=r"^model\.(stems|trunk|strips|descriptor_flip): expected"):
            create_model(recipe, classes=2)


def test_doctests() -> None:
    names = [one.name for one in pkgutil.walk_packages(mvd.mindspore.__path__, "mvd.mindspore.")]
    results = [
        doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
        for name in ["mvd.mindspore", *names]
    ]
    assert sum(found.attempted for found in results) > 15
    assert sum(found.failed for found in results) == 0
