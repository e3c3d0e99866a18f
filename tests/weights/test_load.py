"""Weights from elsewhere into a network that then runs with them, and whole networks there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from weights.helpers import Arrays, assert_same
from weights.to_load import TINY, Write, as_mindspore, as_safetensors, as_torch, network

from mvd.config import ModelConfig
from mvd.errors import CheckpointError
from mvd.models.factory import build_network
from mvd.models.state import network_tensors, restore_network
from mvd.runs import CheckpointMeta, load_checkpoint
from mvd.weights import Framework, convert, load_pretrained, load_whole, read_weights

_OPTIMISER = "optimizer/exp_avg/visible.encoder.conv1.weight"


@pytest.mark.parametrize("write", [as_torch, as_mindspore, as_safetensors])
def test_a_resnet_goes_into_every_encoder(tmp_path: Path, resnet: Arrays, write: Write) -> None:
    loaded = load_pretrained(write(resnet, tmp_path), TINY)
    encoder = {name: array for name, array in resnet.items() if not name.startswith("fc.")}
    for branch in ("visible", "infrared", "shared"):
        for name, array in encoder.items():
            if not name.endswith("num_batches_tracked"):
                np.testing.assert_array_equal(loaded.tensors[f"{branch}.encoder.{name}"], array)
    assert len(loaded.tensors) == 3 * len(encoder)
    heads = {"fc.weight", "fc.bias"}
    if write is as_mindspore:
        heads = {"end_point.weight", "end_point.bias", "moments.conv1.weight", "epoch"}
    assert set(loaded.report.left_over) == heads
    assert (loaded.report.missing, loaded.report.replaced) == ((), ())

    built = build_network(TINY, 5)
    restore_network(built, network_tensors(built) | loaded.tensors, tmp_path)
    np.testing.assert_array_equal(network_tensors(built)["shared.encoder.conv1.weight"], resnet["conv1.weight"])


def test_parts_that_a_resnet_has_not_are_missing(tmp_path: Path, resnet: Arrays) -> None:
    config = replace(TINY, channel_attention=True, non_local=True, encoders="shared", stems="specific")
    loaded = load_pretrained(as_torch(resnet, tmp_path), config)
    names = {name for name in network(config) if name.startswith("shared.encoder.")}
    assert set(loaded.tensors) <= names
    np.testing.assert_array_equal(loaded.tensors["shared.encoder.infrared_stem.conv1.weight"], resnet["conv1.weight"])
    lacking = {name for name in names - set(loaded.tensors) if not name.endswith("num_batches_tracked")}
    assert set(loaded.report.missing) == lacking
    assert all(".attention" in name or ".non_local." in name for name in lacking)
    assert len(lacking) == 3 + 4 * 12


@pytest.mark.parametrize("to", ["mvd", "mindspore", "pytorch"])
def test_each_encoder_of_a_network_goes_into_its_own(tmp_path: Path, to: Framework) -> None:
    arrays = network(TINY) | {_OPTIMISER: np.zeros(3, np.float32)}
    out = tmp_path / {"mvd": "a.safetensors", "mindspore": "a.ckpt", "pytorch": "a.pth"}[to]
    convert(as_safetensors(arrays, tmp_path), out, to=to)
    loaded = load_pretrained(out, TINY)
    assert_same(
        dict(sorted(loaded.tensors.items())),
        {name: array for name, array in sorted(arrays.items()) if ".encoder." in name and name in loaded.tensors},
    )
    assert {name.split(".")[0] for name in loaded.tensors} == {"visible", "infrared", "shared"}
    assert len(loaded.report.left_over) == len(read_weights(out).tensors) - len(
        [name for name in loaded.tensors if to != "mindspore" or not name.endswith("num_batches_tracked")]
    )


def test_a_baselines_encoder_goes_into_all(tmp_path: Path) -> None:
    arrays = network(replace(TINY, encoders="shared"))
    loaded = load_pretrained(as_safetensors(arrays, tmp_path), TINY)
    weight = arrays["shared.encoder.layer4.1.conv2.weight"]
    for branch in ("visible", "infrared", "shared"):
        np.testing.assert_array_equal(loaded.tensors[f"{branch}.encoder.layer4.1.conv2.weight"], weight)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (replace(TINY, arch="resnet50"), "found those of resnet18 with a base width of 4; set model.arch"),
        (replace(TINY, base_width=64), "found those of resnet18 with a base width of 4; set model.arch"),
    ],
)
def test_another_encoder_is_named(tmp_path: Path, resnet: Arrays, config: ModelConfig, found: str) -> None:
    with pytest.raises(CheckpointError, match=found):
        load_pretrained(as_torch(resnet, tmp_path), config)


def test_incomplete_and_foreign_weights_are_named(tmp_path: Path, resnet: Arrays) -> None:
    del resnet["layer3.0.conv1.weight"]
    with pytest.raises(
        CheckpointError, match=r"r\.pth: expected the weights of resnet18 .*'layer3.0.conv1.weight' missing"
    ):
        load_pretrained(as_torch(resnet, tmp_path), TINY)
    resnet |= {"layer3.0.conv1.weight": np.zeros((16, 8, 5, 5), np.float32)}
    with pytest.raises(CheckpointError, match=r"found 'layer3\.0\.conv1\.weight' of other sizes; set model\.arch"):
        load_pretrained(as_torch(resnet, tmp_path), TINY)
    foreign: Arrays = {f"blocks.{index}.weight": np.zeros(1) for index in range(9)}
    with pytest.raises(CheckpointError, match=r"found 'blocks\.0\.weight', .* and 5 more; check that"):
        load_pretrained(as_torch(foreign, tmp_path), TINY)
    with pytest.raises(CheckpointError, match="expected the weights of MVD"):
        convert(as_torch(foreign, tmp_path), tmp_path / "a.ckpt", to="mindspore")


def test_a_network_is_the_same_after_every_journey(tmp_path: Path) -> None:
    arrays = network(replace(TINY, channel_attention=True))
    start = as_safetensors(arrays | {_OPTIMISER: np.zeros(3, np.float32)}, tmp_path)
    report = convert(start, tmp_path / "a.pth", to="pytorch")
    assert report.left_over == (_OPTIMISER,)
    convert(tmp_path / "a.pth", tmp_path / "b.safetensors", to="mvd")
    assert_same(read_weights(tmp_path / "b.safetensors").tensors, dict(sorted(arrays.items())))

    report = convert(tmp_path / "a.pth", tmp_path / "c.ckpt", to="mindspore")
    attention = [name for name in arrays if ".attention" in name]
    assert sorted(report.left_over) == sorted(attention)
    convert(tmp_path / "c.ckpt", tmp_path / "d.safetensors", to="mvd")
    without = {name: array for name, array in sorted(arrays.items()) if name not in attention}
    assert_same(read_weights(tmp_path / "d.safetensors").tensors, without)
    convert(tmp_path / "d.safetensors", tmp_path / "e.ckpt", to="mindspore")
    there, back = read_weights(tmp_path / "c.ckpt").tensors, read_weights(tmp_path / "e.ckpt").tensors
    assert_same(dict(sorted(back.items())), dict(sorted(there.items())))


def test_a_converted_network_is_a_checkpoint_that_runs(tmp_path: Path) -> None:
    arrays = network(TINY, seed=1)
    convert(as_safetensors(arrays, tmp_path), tmp_path / "a.ckpt", to="mindspore")
    convert(tmp_path / "a.ckpt", tmp_path / "b.safetensors", to="mvd")
    tensors, meta = load_checkpoint(tmp_path / "b.safetensors")
    assert meta == CheckpointMeta(step=0, epoch=0, metrics={}, best=None)
    restored, original = build_network(TINY, 5).eval(), build_network(TINY, 5).eval()
    restore_network(restored, tensors, tmp_path)
    restore_network(original, arrays, tmp_path)
    pictures = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(restored.embed(pictures), original.embed(pictures))


@pytest.mark.parametrize(("to", "ending"), [("mindspore", ".ckpt"), ("pytorch", ".pth"), ("mvd", ".safetensors")])
def test_a_resnet_is_converted_with_its_classifier(tmp_path: Path, resnet: Arrays, to: Framework, ending: str) -> None:
    convert(as_torch(resnet, tmp_path), tmp_path / f"a{ending}", to=to)
    convert(tmp_path / f"a{ending}", tmp_path / "b.pth", to="pytorch")
    counters = {name: np.zeros_like(array) for name, array in resnet.items() if to == "mindspore" and not array.shape}
    assert_same(
        dict(sorted(read_weights(tmp_path / "b.pth").tensors.items())), dict(sorted((resnet | counters).items()))
    )


def test_a_whole_network_starts_another_and_its_classifiers_are_replaced(tmp_path: Path) -> None:
    arrays = network(TINY, seed=1)
    convert(as_safetensors(arrays, tmp_path), tmp_path / "a.ckpt", to="mindspore")
    same = replace(TINY, padding="same")
    loaded = load_pretrained(tmp_path / "a.ckpt", same, classes=7)
    classifiers = [
        f"{branch}.{head}.{leaf}"
        for branch in ("visible", "infrared", "shared")
        for head in ("neck.classifier", "bottleneck.classifier.4")
        for leaf in ("weight", "bias")
    ]
    assert sorted(loaded.report.replaced) == sorted(classifiers)
    assert (loaded.report.left_over, loaded.report.missing) == ((), ())
    (note,) = loaded.report.notes
    assert note.startswith("replaced by new ones, for these are of another size: ")
    assert all(name in note for name in classifiers)
    assert set(loaded.tensors) == set(arrays) - set(classifiers)
    assert all(np.array_equal(loaded.tensors[name], arrays[name]) for name in loaded.tensors if "num_b" not in name)
    assert load_pretrained(tmp_path / "a.ckpt", same, classes=5).report.notes == ()


def test_parts_that_another_network_has_are_named(tmp_path: Path) -> None:
    plain = replace(TINY, bottleneck=False, descriptor="observation")
    file = as_safetensors(network(plain) | {"extra.weight": np.zeros(2)}, tmp_path)
    report = load_pretrained(file, replace(TINY, channel_attention=True), classes=5).report
    assert report.left_over == ("extra.weight",)
    assert "visible.bottleneck.layers.0.weight" in report.missing
    assert "shared.encoder.attention2.gamma" in report.missing
    assert report.replaced == ()


@pytest.mark.parametrize(
    ("write", "padding", "noted"),
    [
        (as_mindspore, "pytorch", 'are trained with padding "same"'),
        (as_mindspore, "same", None),
        (as_torch, "same", 'are trained with padding "pytorch"'),
        (as_torch, "pytorch", None),
    ],
)
def test_padding_that_differs_from_what_was_trained_is_noted(
    tmp_path: Path, resnet: Arrays, write: Write, padding: str, noted: str | None
) -> None:
    config = replace(TINY, padding=padding)  # type: ignore[arg-type]
    notes = load_pretrained(write(resnet, tmp_path), config).report.notes
    assert [noted in note for note in notes] == ([True] if noted else [])  # type: ignore[operator]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_pytorch_releases_file_is_a_whole_network(tmp_path: Path, prefix: str, wrapped: bool) -> None:
    arrays = network(replace(TINY, channel_attention=True), seed=2)
    convert(as_safetensors(arrays, tmp_path), tmp_path / "plain.pth", to="pytorch")
    state = {f"{prefix}{name}": torch.from_numpy(one) for name, one in read_weights(tmp_path / "plain.pth")[0].items()}
    state |= {f"{prefix}shared_backbone.base.fc.weight": torch.zeros(3, 4)}
    torch.save({"state_dict": state, "epoch": 9} if wrapped else state, tmp_path / "checkpoint.pth.tar")
    loaded = load_whole(tmp_path / "checkpoint.pth.tar", replace(TINY, channel_attention=True))
    assert_same(dict(sorted(loaded.tensors.items())), dict(sorted(arrays.items())))
    assert loaded.report.left_over == ("shared_backbone.base.fc.weight",)


def test_a_whole_network_of_another_shape_is_named(tmp_path: Path, resnet: Arrays) -> None:
    file = as_safetensors(network(TINY), tmp_path)
    with pytest.raises(CheckpointError, match=r"found no 'visible\.encoder\.attention2\.gamma', .*; choose the recipe"):
        load_whole(file, replace(TINY, channel_attention=True))
    with pytest.raises(CheckpointError, match=r"other sizes of 'visible\.bottleneck\.layers\.6\.weight'"):
        load_whole(file, replace(TINY, z_dim=9))
    with pytest.raises(CheckpointError, match=r"unknown 'infrared\.bottleneck"):
        load_whole(file, replace(TINY, bottleneck=False))
    with pytest.raises(CheckpointError, match="encoders alone go to mvd train --pretrained"):
        load_whole(as_torch(resnet, tmp_path), TINY)


@pytest.mark.parametrize("middle", [("mindspore", "a.ckpt"), ("pytorch", "a.pth")])
def test_a_releases_file_is_the_same_after_its_journey_here(tmp_path: Path, middle: tuple[Framework, str]) -> None:
    to, name = middle
    convert(as_safetensors(network(TINY, seed=3), tmp_path), tmp_path / name, to=to)
    convert(tmp_path / name, tmp_path / "ours.safetensors", to="mvd")
    convert(tmp_path / "ours.safetensors", tmp_path / f"back-{name}", to=to)
    back, there = (read_weights(tmp_path / file).tensors for file in (f"back-{name}", name))
    assert_same(dict(sorted(back.items())), dict(sorted(there.items())))


def test_an_own_encoder_loads_its_own_weights(tmp_path: Path) -> None:
    config = replace(TINY, encoder="my.py:make")
    with pytest.raises(CheckpointError, match=r"expected model\.encoder to load its own .*, found my\.py:make"):
        load_pretrained(tmp_path / "resnet.pth", config)


def test_a_network_that_shares_stages_is_converted_to_whole_encoders(tmp_path: Path) -> None:
    config = replace(TINY, trunk=2)
    arrays = network(config, seed=1)
    assert "visible.encoder.conv1.weight" not in arrays
    convert(as_safetensors(arrays, tmp_path), tmp_path / "a.pth", to="pytorch")
    restored, original = build_network(TINY, 5).eval(), build_network(config, 5).eval()
    restore_network(restored, network_tensors(restored) | load_whole(tmp_path / "a.pth", TINY).tensors, tmp_path)
    restore_network(original, arrays, tmp_path)
    pictures = torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(restored.embed(pictures), original.embed(pictures))
    assert set(load_pretrained(tmp_path / "a.pth", config).tensors) < set(arrays)
