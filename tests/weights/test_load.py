"""Weights from elsewhere into a network that then runs with them, and whole networks there and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from weights.helpers import Arrays, assert_same, resnet_shapes

from mvd.config import ModelConfig
from mvd.errors import CheckpointError
from mvd.models.factory import build_network
from mvd.models.state import network_tensors, restore_network
from mvd.runs import CheckpointMeta, load_checkpoint
from mvd.weights import Framework, convert, load_pretrained, load_whole, read_weights, write_weights
from mvd.weights.names import to_their_names
from mvd.weights.namings import MINDSPORE_RESNET

Write = Callable[[Arrays, Path], Path]

_CONFIG = ModelConfig(arch="resnet18", base_width=4, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8)
_OPTIMISER = "optimizer/exp_avg/visible.encoder.conv1.weight"


@pytest.fixture
def resnet() -> Arrays:
    """A ResNet-18 with torchvision's names and ImageNet's classifier."""
    generator = np.random.default_rng(0)
    shapes = resnet_shapes("resnet18", 4) | {"fc.weight": (1000, 32), "fc.bias": (1000,)}
    arrays: Arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return arrays | {name: np.array(3) for name, shape in shapes.items() if not shape}


def network(config: ModelConfig, seed: int = 0) -> Arrays:
    torch.manual_seed(seed)
    return network_tensors(build_network(config, 5))


def as_torch(arrays: Arrays, folder: Path) -> Path:
    torch.save({f"module.{name}": torch.from_numpy(array) for name, array in arrays.items()}, folder / "r.pth")
    return folder / "r.pth"


def as_mindspore(arrays: Arrays, folder: Path) -> Path:
    beside = {"moments.conv1.weight": np.zeros(3, np.float32), "epoch": np.array(3)}
    write_weights(folder / "r.ckpt", to_their_names(arrays, MINDSPORE_RESNET).tensors | beside, "mindspore")
    return folder / "r.ckpt"


def as_safetensors(arrays: Arrays, folder: Path) -> Path:
    write_weights(folder / "r.safetensors", arrays, "safetensors")
    return folder / "r.safetensors"


@pytest.mark.parametrize("write", [as_torch, as_mindspore, as_safetensors])
def test_a_resnet_goes_into_every_encoder(tmp_path: Path, resnet: Arrays, write: Write) -> None:
    loaded = load_pretrained(write(resnet, tmp_path), _CONFIG)
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

    built = build_network(_CONFIG, 5)
    restore_network(built, network_tensors(built) | loaded.tensors, tmp_path)
    np.testing.assert_array_equal(network_tensors(built)["shared.encoder.conv1.weight"], resnet["conv1.weight"])


def test_parts_that_a_resnet_has_not_are_missing(tmp_path: Path, resnet: Arrays) -> None:
    config = replace(_CONFIG, channel_attention=True, non_local=True, encoders="shared", stems="specific")
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
    arrays = network(_CONFIG) | {_OPTIMISER: np.zeros(3, np.float32)}
    out = tmp_path / {"mvd": "a.safetensors", "mindspore": "a.ckpt", "pytorch": "a.pth"}[to]
    convert(as_safetensors(arrays, tmp_path), out, to=to)
    loaded = load_pretrained(out, _CONFIG)
    assert_same(
        dict(sorted(loaded.tensors.items())),
        {name: array for name, array in sorted(arrays.items()) if ".encoder." in name and name in loaded.tensors},
    )
    assert {name.split(".")[0] for name in loaded.tensors} == {"visible", "infrared", "shared"}
    assert len(loaded.report.left_over) == len(read_weights(out).tensors) - len(
        [name for name in loaded.tensors if to != "mindspore" or not name.endswith("num_batches_tracked")]
    )


def test_a_baselines_encoder_goes_into_all(tmp_path: Path) -> None:
    arrays = network(replace(_CONFIG, encoders="shared"))
    loaded = load_pretrained(as_safetensors(arrays, tmp_path), _CONFIG)
    weight = arrays["shared.encoder.layer4.1.conv2.weight"]
    for branch in ("visible", "infrared", "shared"):
        np.testing.assert_array_equal(loaded.tensors[f"{branch}.encoder.layer4.1.conv2.weight"], weight)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (replace(_CONFIG, arch="resnet50"), "found those of resnet18 with a base width of 4; set model.arch"),
        (replace(_CONFIG, base_width=64), "found those of resnet18 with a base width of 4; set model.arch"),
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
        load_pretrained(as_torch(resnet, tmp_path), _CONFIG)
    resnet |= {"layer3.0.conv1.weight": np.zeros((16, 8, 5, 5), np.float32)}
    with pytest.raises(CheckpointError, match=r"found 'layer3\.0\.conv1\.weight' of other sizes; set model\.arch"):
        load_pretrained(as_torch(resnet, tmp_path), _CONFIG)
    foreign: Arrays = {f"blocks.{index}.weight": np.zeros(1) for index in range(9)}
    with pytest.raises(CheckpointError, match=r"found 'blocks\.0\.weight', .* and 5 more; check that"):
        load_pretrained(as_torch(foreign, tmp_path), _CONFIG)
    with pytest.raises(CheckpointError, match="expected the weights of MVD"):
        convert(as_torch(foreign, tmp_path), tmp_path / "a.ckpt", to="mindspore")


def test_a_network_is_the_same_after_every_journey(tmp_path: Path) -> None:
    arrays = network(replace(_CONFIG, channel_attention=True))
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
    arrays = network(_CONFIG, seed=1)
    convert(as_safetensors(arrays, tmp_path), tmp_path / "a.ckpt", to="mindspore")
    convert(tmp_path / "a.ckpt", tmp_path / "b.safetensors", to="mvd")
    tensors, meta = load_checkpoint(tmp_path / "b.safetensors")
    assert meta == CheckpointMeta(step=0, epoch=0, metrics={}, best=None)
    restored, original = build_network(_CONFIG, 5).eval(), build_network(_CONFIG, 5).eval()
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
    arrays = network(_CONFIG, seed=1)
    convert(as_safetensors(arrays, tmp_path), tmp_path / "a.ckpt", to="mindspore")
    same = replace(_CONFIG, padding="same")
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
    plain = replace(_CONFIG, bottleneck=False, descriptor="observation")
    file = as_safetensors(network(plain) | {"extra.weight": np.zeros(2)}, tmp_path)
    report = load_pretrained(file, replace(_CONFIG, channel_attention=True), classes=5).report
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
    config = replace(_CONFIG, padding=padding)  # type: ignore[arg-type]
    notes = load_pretrained(write(resnet, tmp_path), config).report.notes
    assert [noted in note for note in notes] == ([True] if noted else [])  # type: ignore[operator]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_pytorch_releases_file_is_a_whole_network(tmp_path: Path, prefix: str, wrapped: bool) -> None:
    arrays = network(replace(_CONFIG, channel_attention=True), seed=2)
    convert(as_safetensors(arrays, tmp_path), tmp_path / "plain.pth", to="pytorch")
    state = {f"{prefix}{name}": torch.from_numpy(one) for name, one in read_weights(tmp_path / "plain.pth")[0].items()}
    state |= {f"{prefix}shared_backbone.base.fc.weight": torch.zeros(3, 4)}
    torch.save({"state_dict": state, "epoch": 9} if wrapped else state, tmp_path / "checkpoint.pth.tar")
    loaded = load_whole(tmp_path / "checkpoint.pth.tar", replace(_CONFIG, channel_attention=True))
    assert_same(dict(sorted(loaded.tensors.items())), dict(sorted(arrays.items())))
    assert loaded.report.left_over == ("shared_backbone.base.fc.weight",)


def test_a_whole_network_of_another_shape_is_named(tmp_path: Path, resnet: Arrays) -> None:
    file = as_safetensors(network(_CONFIG), tmp_path)
    with pytest.raises(CheckpointError, match=r"found no 'visible\.encoder\.attention2\.gamma', .*; choose the recipe"):
        load_whole(file, replace(_CONFIG, channel_attention=True))
    with pytest.raises(CheckpointError, match=r"other sizes of 'visible\.bottleneck\.layers\.6\.weight'"):
        load_whole(file, replace(_CONFIG, z_dim=9))
    with pytest.raises(CheckpointError, match=r"unknown 'infrared\.bottleneck"):
        load_whole(file, replace(_CONFIG, bottleneck=False))
    with pytest.raises(CheckpointError, match="encoders alone go to mvd train --pretrained"):
        load_whole(as_torch(resnet, tmp_path), _CONFIG)


@pytest.mark.parametrize("middle", [("mindspore", "a.ckpt"), ("pytorch", "a.pth")])
def test_a_releases_file_is_the_same_after_its_journey_here(tmp_path: Path, middle: tuple[Framework, str]) -> None:
    to, name = middle
    convert(as_safetensors(network(_CONFIG, seed=3), tmp_path), tmp_path / name, to=to)
    convert(tmp_path / name, tmp_path / "ours.safetensors", to="mvd")
    convert(tmp_path / "ours.safetensors", tmp_path / f"back-{name}", to=to)
    back, there = (read_weights(tmp_path / file).tensors for file in (f"back-{name}", name))
    assert_same(dict(sorted(back.items())), dict(sorted(there.items())))


def test_an_own_encoder_loads_its_own_weights(tmp_path: Path) -> None:
    config = replace(_CONFIG, encoder="my.py:make")
    with pytest.raises(CheckpointError, match=r"expected model\.encoder to load its own .*, found my\.py:make"):
        load_pretrained(tmp_path / "resnet.pth", config)


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
    loaded = load_pretrained(file, _CONFIG)
    for branch in ("visible", "infrared", "shared"):
        assert np.array_equal(loaded.tensors[f"{branch}.encoder.layer4.1.bn2.bias"], resnet["layer4.1.bn2.bias"])
    assert any(f"under '{prefix}" in note for note in loaded.report.notes)
    assert [name for name in loaded.report.left_over if "fc" not in name and "end_point" not in name] == ["head.weight"]


def test_two_encoders_under_prefixes_are_named(tmp_path: Path, resnet: Arrays) -> None:
    both = {f"{prefix}{name}": array for prefix in ("encoder_q.", "encoder_k.") for name, array in resnet.items()}
    with pytest.raises(
        CheckpointError, match=r"expected .* one encoder, found several, under 'encoder_k\.', 'encoder_q"
    ):
        load_pretrained(as_safetensors(both, tmp_path), _CONFIG)


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
    config = replace(_CONFIG, arch="resnet50", encoders="shared", bottleneck=False, stems="specific", non_local=True)
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
    config = replace(_CONFIG, arch="resnet50")
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
    load_pretrained(as_safetensors(resnet, tmp_path), _CONFIG)
    resnet["layer2.0.bn1.bias"][0] = value
    with pytest.raises(
        CheckpointError, match=r"expected finite weights, found NaN or infinity in 'layer2\.0\.bn1\.bias'"
    ):
        load_pretrained(as_safetensors(resnet, tmp_path), _CONFIG)
    whole = network(_CONFIG)
    whole["shared.neck.norm.weight"][0] = value
    for load in (load_pretrained, load_whole):
        with pytest.raises(CheckpointError, match=r"found NaN or infinity in 'shared\.neck\.norm\.weight'"):
            load(as_safetensors(whole, tmp_path), _CONFIG, *([5] if load is load_pretrained else []))
