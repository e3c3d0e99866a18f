"""The names that others give the same weights, and ours.

    ours                              MindSpore release                         PyTorch release
    visible.encoder.conv1.weight      rgb_backbone.visible.conv1.weight         RGB_backbone.base.conv1.weight
    visible.encoder.bn1.running_var   rgb_backbone.visible.bn1.moving_variance  RGB_backbone.base.bn1.running_var
    visible.encoder.attention2.gamma  (none)                                    RGB_backbone.cam_256._cam_module.gamma
    visible.neck.norm.weight          rgb_backbone.visible.bottleneck.gamma     RGB_backbone.bottleneck.weight
    visible.neck.classifier.weight    rgb_backbone.visible.classifier.weight    RGB_backbone.classifier.0.weight
    visible.bottleneck.layers.0.bias  rgb_bottleneck.bottleneck.model.0.bias    RGB_Bottleneck.bottleneck.model.0.bias
    visible.bottleneck.classifier.4…  rgb_bottleneck.classifier.4…              RGB_Bottleneck.classifier.4…

A single ResNet has torchvision's names, which timm's and our encoder's are too, or those of MindSpore's model zoo:
`bn1.gamma`, `layer1.0.down_sample_layer.0.weight`, `end_point.weight`. MindCV's `down_sample.0` and the
`conv_down_sample`, `bn_down_sample` of MindSpore's detectors are understood as well, but not written.

Every naming is a renaming of beginnings, and MindSpore's one of ends besides: what a norm calls `weight` elsewhere is
its `gamma`. Which modules are norms shows in their running statistics. The counters of batches that PyTorch's norms
have, and nothing reads, MindSpore has not; they start from 0 when weights come from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mvd.weights.formats.stored import Array, Arrays, Shape

_COUNTER = ".num_batches_tracked"
_STATISTIC = ".running_mean"
_MINDSPORE_ENDS = {
    ".weight": ".gamma",
    ".bias": ".beta",
    ".running_mean": ".moving_mean",
    ".running_var": ".moving_variance",
}
_RESNET_PARTS = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
_RESNET_SECTIONS = tuple((part, part) for part in _RESNET_PARTS)
_ATTENTION = {2: "cam_256", 3: "cam_512", 4: "cam_1024"}
_OURS_ALONE = ".non_local."
_SHORTCUTS = (
    (re.compile(r"\.(?:down_sample_layer|down_sample)\.(?=[01]\.)"), ".downsample."),
    (re.compile(r"\.conv_down_sample\."), ".downsample.0."),
    (re.compile(r"\.bn_down_sample\."), ".downsample.1."),
)


@dataclass(frozen=True, kw_only=True)
class Naming:
    """A way of naming weights.

    Attributes:
        title: whose it is.
        marks: names that are all in a file of this naming, and not all in one of another.
        sections: beginnings of names, ours and theirs; the first that fits is taken.
        mindspore: whether names end as MindSpore's do.
        whole: whether it names a whole network, and not an encoder alone.
    """

    title: str
    marks: frozenset[str]
    sections: tuple[tuple[str, str], ...]
    mindspore: bool
    whole: bool


class Report(NamedTuple):
    """What became of the tensors of a file.

    Attributes:
        matched: names of ours that got one.
        left_over: names in the file that were not used.
        missing: names of ours that the file has nothing for.
        replaced: names of ours for which the file has a tensor of another size, such as a classifier of other people;
            new weights take its place.
        notes: what else is to be known, a line each.
    """

    matched: tuple[str, ...]
    left_over: tuple[str, ...]
    missing: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Renamed(NamedTuple):
    """Tensors under other names, and what became of those that a file had."""

    tensors: Arrays
    report: Report


def _mindspore_sections(ours: str, backbone: str, bottleneck: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"{ours}.neck.norm.", f"{backbone}.bottleneck."),
        (f"{ours}.neck.classifier.", f"{backbone}.classifier."),
        (f"{ours}.bottleneck.layers.", f"{bottleneck}.bottleneck.model."),
        (f"{ours}.bottleneck.classifier.", f"{bottleneck}.classifier."),
        *((f"{ours}.encoder.{part}", f"{backbone}.{part}") for part in _RESNET_PARTS),
    )


def _pytorch_sections(ours: str, theirs: str) -> tuple[tuple[str, str], ...]:
    attention = (
        (f"{ours}.encoder.attention{stage}.", f"{theirs}_backbone.{name}._cam_module.")
        for stage, name in _ATTENTION.items()
    )
    return (
        *attention,
        (f"{ours}.neck.norm.", f"{theirs}_backbone.bottleneck."),
        (f"{ours}.neck.classifier.", f"{theirs}_backbone.classifier.0."),
        (f"{ours}.bottleneck.layers.", f"{theirs}_Bottleneck.bottleneck.model."),
        (f"{ours}.bottleneck.classifier.", f"{theirs}_Bottleneck.classifier."),
        *((f"{ours}.encoder.{part}", f"{theirs}_backbone.base.{part}") for part in _RESNET_PARTS),
    )


OURS = Naming(
    title="mvd",
    marks=frozenset({"shared.encoder.conv1.weight"}),
    sections=tuple((f"{branch}.", f"{branch}.") for branch in ("visible", "infrared", "shared")),
    mindspore=False,
    whole=True,
)
MINDSPORE_RELEASE = Naming(
    title="MVD's MindSpore release",
    marks=frozenset({"shared_backbone.base.conv1.weight", "shared_backbone.base.bn1.gamma"}),
    sections=(
        *_mindspore_sections("visible", "rgb_backbone.visible", "rgb_bottleneck"),
        *_mindspore_sections("infrared", "ir_backbone.thermal", "ir_bottleneck"),
        *_mindspore_sections("shared", "shared_backbone.base", "shared_bottleneck"),
    ),
    mindspore=True,
    whole=True,
)
PYTORCH_RELEASE = Naming(
    title="MVD's PyTorch release",
    marks=frozenset({"shared_backbone.base.conv1.weight", "shared_backbone.base.bn1.weight"}),
    sections=(
        *_pytorch_sections("visible", "RGB"),
        *_pytorch_sections("infrared", "IR"),
        *_pytorch_sections("shared", "shared"),
    ),
    mindspore=False,
    whole=True,
)
RESNET = Naming(
    title="a ResNet of torchvision or timm",
    marks=frozenset({"conv1.weight", "bn1.weight"}),
    sections=(*_RESNET_SECTIONS, ("fc.", "fc.")),
    mindspore=False,
    whole=False,
)
MINDSPORE_RESNET = Naming(
    title="a ResNet of MindSpore",
    marks=frozenset({"conv1.weight", "bn1.gamma"}),
    sections=(*_RESNET_SECTIONS, ("fc.", "end_point."), ("fc.", "classifier.")),
    mindspore=True,
    whole=False,
)
NAMINGS = (OURS, MINDSPORE_RELEASE, PYTORCH_RELEASE, RESNET, MINDSPORE_RESNET)


def recognise(names: Iterable[str]) -> Naming | None:
    """Tell whose names these are; None if they are nobody's that is known here."""
    known = set(names)
    return next((naming for naming in NAMINGS if naming.marks <= known), None)


def our_names(names: Iterable[str], naming: Naming) -> dict[str, str]:
    """Give our name for each of theirs that stands for something of ours; a single ResNet's has no beginning."""
    theirs: dict[str, str] = {}
    for name in names:
        ours = _ours(name, naming)
        if ours is not None:
            theirs.setdefault(ours, name)
    return {name: ours for ours, name in theirs.items()}


def from_theirs(tensors: Mapping[str, Array], naming: Naming) -> Renamed:
    """Give tensors our names.

    Args:
        tensors: by their names.
        naming: whose.

    Returns:
        The same arrays by the names of `our_names`, and counters of batches for all norms where that naming has none.
    """
    ours = our_names(tensors, naming)
    renamed = {ours[name]: array for name, array in tensors.items() if name in ours}
    report = Report(tuple(renamed), tuple(name for name in tensors if name not in ours))
    if naming.mindspore:
        renamed |= {f"{norm}{_COUNTER}": np.zeros((), np.int64) for norm in sorted(_norms(renamed))}
    return Renamed(renamed, report)


def to_theirs(tensors: Mapping[str, Array], naming: Naming) -> Renamed:
    """Give tensors with our names the names of another.

    Args:
        tensors: by our names, as `from_theirs` gives them.
        naming: whose names they get.

    Returns:
        The same arrays by their names. Counters of batches are dropped where that naming has none.
    """
    norms = _norms(tensors)
    renamed: Arrays = {}
    left_over: list[str] = []
    for name, array in tensors.items():
        if naming.mindspore and name.endswith(_COUNTER):
            continue
        theirs = _theirs(name, naming, norms)
        if theirs is None:
            left_over.append(name)
        else:
            renamed[theirs] = array
    matched = tuple(name for name in tensors if name not in left_over)
    return Renamed(renamed, Report(matched, tuple(left_over)))


def match(tensors: Mapping[str, Array], wanted: Mapping[str, Shape]) -> Renamed:
    """Take those tensors that a network wants, by our names.

    Args:
        tensors: by our names.
        wanted: the shape of each tensor that the network has.

    Returns:
        The tensors that fit, and a report of all. Counters of batches are not reported as missing.
    """
    fitting = {name: array for name, array in tensors.items() if wanted.get(name) == array.shape}
    missing = [name for name in wanted if name not in tensors and not name.endswith(_COUNTER)]
    report = Report(
        matched=tuple(fitting),
        left_over=tuple(name for name in tensors if name not in wanted),
        missing=tuple(missing),
        replaced=tuple(name for name in wanted if name in tensors and name not in fitting),
    )
    return Renamed(fitting, report)


def _ours(name: str, naming: Naming) -> str | None:
    if naming.mindspore:
        for pattern, replacement in _SHORTCUTS:
            name = pattern.sub(replacement, name)
        name = _replace_end(name, {theirs: ours for ours, theirs in _MINDSPORE_ENDS.items()})
    return _replace_beginning(name, [(theirs, ours) for ours, theirs in naming.sections])


def _theirs(name: str, naming: Naming, norms: frozenset[str]) -> str | None:
    if naming is not OURS and _OURS_ALONE in name:
        return None
    renamed = _replace_beginning(name, naming.sections)
    if renamed is None or not naming.mindspore:
        return renamed
    renamed = renamed.replace(".downsample.", ".down_sample_layer.")
    return _replace_end(renamed, _MINDSPORE_ENDS) if name.rpartition(".")[0] in norms else renamed


def _replace_beginning(name: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    return next((new + name.removeprefix(old) for old, new in pairs if name.startswith(old)), None)


def _replace_end(name: str, ends: Mapping[str, str]) -> str:
    return next((name.removesuffix(old) + new for old, new in ends.items() if name.endswith(old)), name)


def _norms(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.removesuffix(_STATISTIC) for name in names if name.endswith(_STATISTIC))
