"""Weights under the prefixes of wrappers, AGW's networks, and weights that are not finite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from weights.helpers import Arrays, resnet_shapes
from weights.to_load import TINY, Write, as_mindspore, as_safetensors, as_torch, network

from mvd.config import ModelConfig
from mvd.errors import CheckpointError
from mvd.weights import load_pretrained, load_whole, write_weights
from mvd.weights.names import to_their_names
from mvd.weights.namings import MINDSPORE_RESNET


@pytest.mark.parametrize(
    "prefix", ["backbone.", "module.backbone.", "base.", "model.", "encoder.", "net.model.encoder."]
)
@pytest.mark.parametrize("write", [as_torch, as_mindspore, as_safetensors])
def test_an_encoder_under_a_prefix_is_found(tmp_path: Path, resnet: Arrays, prefix: str, write: Write) -> None:
    theirs = to_their_names(resnet, MINDSPORE_RESNET).tensors if write is as_mindspore else resnet
    wrapped = {f"{prefix}{name}": array for name, array in theirs.items()} | {"head.weight": np.ones(3, np.float32)}
    if write is as_mindspore:
        file = tmp_path / "r.ckpt"
        write_weights(file, wrapped, "mindspore")
    else:
        file = write(wrapped, tmp_path)
    loaded = load_pretrained(file, TINY)
    for branch in ("visible", "infrared", "shared"):
        assert np.array_equal(loaded.tensors[f"{branch}.encoder.layer4.1.bn2.bias"], resnet["layer4.1.bn2.bias"])
    assert any(f"under '{prefix}" in note for note in loaded.report.notes)
    assert [name for name in loaded.report.left_over if "fc" not in name and "end_point" not in name] == ["head.weight"]


def test_two_encoders_under_prefixes_are_named(tmp_path: Path, resnet: Arrays) -> None:
    both = {f"{prefix}{name}": array for prefix in ("encoder_q.", "encoder_k.") for name, array in resnet.items()}
    with pytest.raises(
        CheckpointError, match=r"expected .* one encoder, found several, under 'encoder_k\.', 'encoder_q"
    ):
        load_pretrained(as_safetensors(both, tmp_path), TINY)


def agw(config: ModelConfig) -> dict[str, torch.Tensor]:
    """A state dict as AGW's network has it: three whole ResNets, of which parts are used."""
    shapes = resnet_shapes("resnet50", config.base_width)
    torch.manual_seed(0)
    prefixes = ("visible_module.visible.", "thermal_module.thermal.", "base_resnet.base.")
    state = {f"{prefix}{name}": torch.randn(shape) for prefix in prefixes for name, shape in shapes.items()}
    for stage, count, channels in ((2, 2, 8), (3, 3, 16)):
        width = channels * config.base_width
        for number in range(count):
            for name in ("theta", "phi", "g"):
                state[f"NL_{stage}.{number}.{name}.weight"] = torch.randn(1, width, 1, 1)
                state[f"NL_{stage}.{number}.{name}.bias"] = torch.randn(1)
            state[f"NL_{stage}.{number}.W.0.weight"] = torch.randn(width, 1, 1, 1)
            state[f"NL_{stage}.{number}.W.0.bias"] = torch.randn(width)
            for entry in ("weight", "bias", "running_mean", "running_var"):
                state[f"NL_{stage}.{number}.W.1.{entry}"] = torch.randn(width)
    return state | {"bottleneck.weight": torch.ones(4), "classifier.weight": torch.ones(3, 4)}


@pytest.mark.parametrize("wrapper", ["", "module."])
def test_agws_file_goes_into_stems_stages_and_non_local_blocks(tmp_path: Path, wrapper: str) -> None:
    config = replace(TINY, arch="resnet50", encoders="shared", bottleneck=False, stems="specific", non_local=True)
    state = agw(config)
    file = tmp_path / "sysu_agw_best.t"
    saved = {f"{wrapper}{name}": value for name, value in state.items()}
    torch.save({"net": saved, "cmc": np.ones(20), "mAP": np.float64(0.5), "mINP": 0.3, "epoch": 60}, file)
    loaded = load_pretrained(file, config)
    for ours, theirs in {
        "conv1.weight": "visible_module.visible.conv1.weight",
        "infrared_stem.conv1.weight": "thermal_module.thermal.conv1.weight",
        "infrared_stem.bn1.running_var": "thermal_module.thermal.bn1.running_var",
        "layer3.5.conv2.weight": "base_resnet.base.layer3.5.conv2.weight",
        "layer2.3.non_local.theta.weight": "NL_2.1.theta.weight",
        "layer3.3.non_local.out.bias": "NL_3.0.W.0.bias",
        "layer3.5.non_local.norm.running_mean": "NL_3.2.W.1.running_mean",
    }.items():
        assert np.array_equal(loaded.tensors[f"shared.encoder.{ours}"], state[theirs].numpy()), ours
    assert loaded.report.missing == ()
    assert "visible_module.visible.layer1.0.conv1.weight" in loaded.report.left_over
    assert "bottleneck.weight" in loaded.report.left_over


def test_of_two_stems_the_infrared_one_goes_into_the_infrared_branch(tmp_path: Path) -> None:
    config = replace(TINY, arch="resnet50")
    state = agw(config)
    torch.save({"net": state}, tmp_path / "agw.t")
    loaded = load_pretrained(tmp_path / "agw.t", config)
    stems = {
        "visible": "visible_module.visible",
        "infrared": "thermal_module.thermal",
        "shared": "visible_module.visible",
    }
    for branch, theirs in stems.items():
        assert np.array_equal(loaded.tensors[f"{branch}.encoder.conv1.weight"], state[f"{theirs}.conv1.weight"].numpy())
    assert "thermal_module.thermal.conv1.weight" not in loaded.report.left_over


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named_before_training(tmp_path: Path, resnet: Arrays, value: float) -> None:
    resnet["fc.bias"][0] = value  # not used
    load_pretrained(as_safetensors(resnet, tmp_path), TINY)
    resnet["layer2.0.bn1.bias"][0] = value
    with pytest.raises(
        CheckpointError, match=r"expected finite weights, found NaN or infinity in 'layer2\.0\.bn1\.bias'"
    ):
        load_pretrained(as_safetensors(resnet, tmp_path), TINY)
    whole = network(TINY)
    whole["shared.neck.norm.weight"][0] = value
    for load in (load_pretrained, load_whole):
        with pytest.raises(CheckpointError, match=r"found NaN or infinity in 'shared\.neck\.norm\.weight'"):
            load(as_safetensors(whole, tmp_path), TINY, *([5] if load is load_pretrained else []))
