"""Names there and back, against the names that the releases and MindSpore's model zoo published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from weights.helpers import GOLDENS, Arrays, resnet_shapes

from mvd.config import ModelConfig
from mvd.models.mvd import MVD
from mvd.weights.names import match, our_names, recognise, to_our_names, to_their_names
from mvd.weights.namings import MINDSPORE_RELEASE, MINDSPORE_RESNET, OURS, PYTORCH_RELEASE, RESNET, Naming

_TINY = ModelConfig(arch="resnet18", base_width=4, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8)


def release(golden: str) -> Arrays:
    """The tensors of a release: names as published, shapes too, and nothing in them that takes up memory."""
    with np.load(GOLDENS / f"{golden}.npz") as params:
        names, shapes = params["names"].tolist(), params["shapes"].tolist()
    sizes = [tuple(map(int, shape.split("x"))) if shape else () for shape in shapes]
    return {name: np.broadcast_to(np.float32(0), size) for name, size in zip(names, sizes, strict=True)}


def network_shapes(config: ModelConfig, classes: int = 395) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in MVD(config, classes).state_dict().items()}


def tensors(shapes: dict[str, tuple[int, ...]]) -> Arrays:
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("golden", "naming", "config"),
    [
        ("net_mvdms_params", MINDSPORE_RELEASE, ModelConfig(last_stride=2, padding="same", neck_bias=True)),
        ("net_mvdpt_params", PYTORCH_RELEASE, ModelConfig(channel_attention=True)),
    ],
)
def test_releases_have_what_our_network_has(golden: str, naming: Naming, config: ModelConfig) -> None:
    theirs = release(golden)
    assert recognise(theirs) is naming
    ours = to_our_names(theirs, naming)
    assert {name: array.shape for name, array in ours.tensors.items()} == network_shapes(config)
    unused = [f"{branch}_backbone.base.fc.{leaf}" for branch in ("IR", "RGB", "shared") for leaf in ("weight", "bias")]
    assert sorted(ours.report.left_over) == (sorted(unused) if naming is PYTORCH_RELEASE else [])

    back = to_their_names(ours.tensors, naming)
    assert back.report.left_over == ()
    assert set(back.tensors) == set(theirs) - set(unused)
    assert all(back.tensors[name] is theirs[name] for name in back.tensors)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("rgb_backbone.visible.bn1.moving_variance", "visible.encoder.bn1.running_var"),
        ("ir_backbone.thermal.layer2.0.down_sample_layer.1.gamma", "infrared.encoder.layer2.0.downsample.1.weight"),
        ("shared_backbone.base.bottleneck.beta", "shared.neck.norm.bias"),
        ("shared_bottleneck.bottleneck.model.4.moving_mean", "shared.bottleneck.layers.4.running_mean"),
        ("ir_bottleneck.classifier.4.weight", "infrared.bottleneck.classifier.4.weight"),
        ("RGB_backbone.cam_256._cam_module.gamma", "visible.encoder.attention2.gamma"),
        ("IR_backbone.cam_1024._cam_module.gamma", "infrared.encoder.attention4.gamma"),
        ("shared_backbone.classifier.0.weight", "shared.neck.classifier.weight"),
        ("shared_Bottleneck.classifier.1.running_var", "shared.bottleneck.classifier.1.running_var"),
    ],
)
def test_single_names_of_the_releases(theirs: str, ours: str) -> None:
    naming = PYTORCH_RELEASE if "cam_" in theirs or "classifier.0" in theirs or "_B" in theirs else MINDSPORE_RELEASE
    assert our_names([theirs], naming) == {theirs: ours}


@pytest.mark.parametrize("convolution", ["down_sample_layer.0", "down_sample.0", "conv_down_sample"])
@pytest.mark.parametrize("head", ["end_point", "classifier"])
def test_every_mindspore_resnet_is_torchvisions(convolution: str, head: str) -> None:
    norm = convolution.replace("conv", "bn").replace(".0", ".1")
    theirs = ["conv1.weight", "bn1.gamma", "bn1.beta", "bn1.moving_mean", "bn1.moving_variance"]
    theirs += [
        f"layer1.0.{convolution}.weight",
        f"layer1.0.{norm}.gamma",
        f"layer1.0.{norm}.moving_mean",
        f"{head}.weight",
    ]
    optimiser = ["moments.conv1.weight", "moments.bn1.gamma", "momentum", "learning_rate", "global_step"]
    arrays: Arrays = {name: np.array(index) for index, name in enumerate([*theirs, *optimiser])}
    assert recognise(arrays) is MINDSPORE_RESNET
    ours = to_our_names(arrays, MINDSPORE_RESNET)
    assert ours.report.matched == (
        *("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"),
        *("layer1.0.downsample.0.weight", "layer1.0.downsample.1.weight", "layer1.0.downsample.1.running_mean"),
        "fc.weight",
    )
    assert ours.report.left_over == tuple(optimiser)
    assert [int(array) for array in ours.tensors.values()][: len(theirs)] == list(range(len(theirs)))


def test_a_resnet_gets_the_names_of_mindspores_model_zoo() -> None:
    shapes = resnet_shapes("resnet50", 64) | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}
    arrays = tensors(shapes)
    assert recognise(arrays) is RESNET
    theirs = to_their_names(arrays, MINDSPORE_RESNET)
    assert theirs.report.left_over == ()
    # As the release has it, whose encoders are that network with another classifier.
    prefix = "rgb_backbone.visible."
    published = {name.removeprefix(prefix) for name in release("net_mvdms_params") if name.startswith(prefix)}
    published = {name for name in published if not name.startswith(("bottleneck.", "classifier."))}
    assert set(theirs.tensors) == published | {"end_point.weight", "end_point.bias"}
    assert set(to_our_names(theirs.tensors, MINDSPORE_RESNET).tensors) == set(arrays)


def test_what_the_releases_have_not_is_left_over() -> None:
    config = ModelConfig(**{**vars(_TINY), "channel_attention": True, "non_local": True})
    arrays = tensors(network_shapes(config)) | {"optimizer/step": np.zeros(1)}
    assert recognise(arrays) is OURS
    ours = to_our_names(arrays, OURS)
    assert ours.report.left_over == ("optimizer/step",)
    non_local = {name for name in arrays if ".non_local." in name}
    attention = {name for name in arrays if ".attention" in name}
    assert non_local
    assert set(to_their_names(ours.tensors, PYTORCH_RELEASE).report.left_over) == non_local
    counters = {name for name in non_local if name.endswith("num_batches_tracked")}
    assert set(to_their_names(ours.tensors, MINDSPORE_RELEASE).report.left_over) == (non_local | attention) - counters


@pytest.mark.parametrize("names", [[], ["a"], ["conv1.weight"], ["a.layer1.0.conv1.weight", "a.layer1.0.bn1.weight"]])
def test_names_of_nobody_are_not_recognised(names: list[str]) -> None:
    assert recognise(names) is None


def test_a_classifier_of_other_people_is_replaced() -> None:
    wanted: dict[str, Any] = network_shapes(_TINY, classes=5)
    found = match(tensors(network_shapes(_TINY, classes=7)) | {"other": np.zeros(1)}, wanted)
    assert found.report.left_over == ("other",)
    assert found.report.missing == ()
    classifiers = [
        f"{branch}.{head}"
        for branch in ("visible", "infrared", "shared")
        for head in (
            *("neck.classifier.weight", "neck.classifier.bias"),
            *("bottleneck.classifier.4.weight", "bottleneck.classifier.4.bias"),
        )
    ]
    assert sorted(found.report.replaced) == sorted(classifiers)
    assert set(found.tensors) == set(wanted) - set(classifiers)
    lacking = match({"a": np.zeros(2)}, {"a": (2,), "b": (3,), "bn1.num_batches_tracked": ()})
    assert (lacking.report.matched, lacking.report.missing) == (("a",), ("b",))
