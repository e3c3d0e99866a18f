"""Names of weights: ours, those of both MVD releases, and those of single ResNets.

    ours                              MindSpore release                         PyTorch release
    visible.encoder.conv1.weight      rgb_backbone.visible.conv1.weight         RGB_backbone.base.conv1.weight
    visible.encoder.bn1.running_var   rgb_backbone.visible.bn1.moving_variance  RGB_backbone.base.bn1.running_var
    visible.encoder.attention2.gamma  (none)                                    RGB_backbone.cam_256._cam_module.gamma
    visible.neck.norm.weight          rgb_backbone.visible.bottleneck.gamma     RGB_backbone.bottleneck.weight
    visible.neck.classifier.weight    rgb_backbone.visible.classifier.weight    RGB_backbone.classifier.0.weight
    visible.bottleneck.layers.0.bias  rgb_bottleneck.bottleneck.model.0.bias    RGB_Bottleneck.bottleneck.model.0.bias
    visible.bottleneck.classifier.4…  rgb_bottleneck.classifier.4…              RGB_Bottleneck.classifier.4…

A single ResNet has the names of torchvision, timm and our encoder, or those of MindSpore's model zoo: `bn1.gamma`,
`layer1.0.down_sample_layer.0.weight`, `end_point.weight`. MindCV's `down_sample.0` and the `conv_down_sample`,
`bn_down_sample` of MindSpore's detectors are read, but not written.

AGW's networks (and DDAG's, and others made from their code) have three ResNets, of which the stems of two and the
stages of the third are used: `visible_module.visible.conv1`, `thermal_module.thermal.conv1`, `base_resnet.base.layer1`;
non-local blocks are `NL_2.0` …. They are read, but not written. Any naming is also found under a prefix that a wrapper
put before it, such as `module.`, `backbone.` or `model.encoder.`.

A naming replaces prefixes, and MindSpore's suffixes too: a norm's `weight` is its `gamma`. Norms are recognised by
their running statistics. PyTorch's norms count batches, which nothing reads and MindSpore lacks: the counters start
from 0 when weights come from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, get_args, get_type_hints

import numpy as np

from mvd.config import ModelConfig
from mvd.weights.formats.arrays import Array, Arrays, Shape

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
_CAM = {2: "cam_256", 3: "cam_512", 4: "cam_1024"}
_OURS_ALONE = ".non_local."
_SHORTCUTS = (
    (re.compile(r"\.(?:down_sample_layer|down_sample)\.(?=[01]\.)"), ".downsample."),
    (re.compile(r"\.conv_down_sample\."), ".downsample.0."),
    (re.compile(r"\.bn_down_sample\."), ".downsample.1."),
)
_WITHIN_ENCODER = re.compile(r"(?:^|\.)layer\d+\.\d+\.$")
_CONVOLUTION = re.compile(r"layer[1-4]\.\d+\.conv\d\.weight")


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The names that a framework or a release gives to weights.

    Attributes:
        title: whose names they are.
        marks: names that are all in a file of this naming, and not all in one of another.
        sections: prefixes of names, ours and theirs; the first that fits is taken.
        mindspore: whether names end as MindSpore's do.
        whole: whether it names a whole network, and not an encoder alone.
        prefix: stands before all of its names in a file, such as "module.".
    """

    title: str
    marks: frozenset[str]
    sections: tuple[tuple[str, str], ...]
    mindspore: bool = False
    whole: bool = False
    prefix: str = ""


class MatchReport(NamedTuple):
    """Which tensors of a file were used, and which were not.

    Attributes:
        matched: our names that got a tensor.
        left_over: names in the file that were not used.
        missing: our names for which the file has no tensor.
        replaced: our names for which the file has a tensor of another size, such as a classifier of other identities;
            new weights take its place.
        notes: further remarks, a line each.
    """

    matched: tuple[str, ...]
    left_over: tuple[str, ...]
    missing: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Match(NamedTuple):
    """Tensors under their new names, and the report of the match."""

    tensors: Arrays
    report: MatchReport


def _branch(
    ours: str, backbone: str, bottleneck: str, *, encoder: str, classifier: str = "classifier"
) -> tuple[tuple[str, str], ...]:
    """List the prefixes of a branch, ours and a release's."""
    return (
        (f"{ours}.neck.norm.", f"{backbone}.bottleneck."),
        (f"{ours}.neck.classifier.", f"{backbone}.{classifier}."),
        (f"{ours}.bottleneck.layers.", f"{bottleneck}.bottleneck.model."),
        (f"{ours}.bottleneck.classifier.", f"{bottleneck}.classifier."),
        *((f"{ours}.encoder.{part}", f"{encoder}.{part}") for part in _RESNET_PARTS),
    )


OURS = Naming(
    title="mvd",
    marks=frozenset({"shared.neck.classifier.weight"}),
    sections=tuple((f"{branch}.", f"{branch}.") for branch in ("visible", "infrared", "shared")),
    whole=True,
)
MINDSPORE_RELEASE = Naming(
    title="MVD's MindSpore release",
    marks=frozenset({"shared_backbone.base.conv1.weight", "shared_backbone.base.bn1.gamma"}),
    sections=tuple(
        section
        for ours, backbone, bottleneck in (
            ("visible", "rgb_backbone.visible", "rgb_bottleneck"),
            ("infrared", "ir_backbone.thermal", "ir_bottleneck"),
            ("shared", "shared_backbone.base", "shared_bottleneck"),
        )
        for section in _branch(ours, backbone, bottleneck, encoder=backbone)
    ),
    mindspore=True,
    whole=True,
)
PYTORCH_RELEASE = Naming(
    title="MVD's PyTorch release",
    marks=frozenset({"shared_backbone.base.conv1.weight", "shared_backbone.base.bn1.weight"}),
    sections=tuple(
        section
        for ours, theirs in (("visible", "RGB"), ("infrared", "IR"), ("shared", "shared"))
        for section in (
            *_branch(
                ours,
                f"{theirs}_backbone",
                f"{theirs}_Bottleneck",
                encoder=f"{theirs}_backbone.base",
                classifier="classifier.0",
            ),
            *((f"{ours}.encoder.attention{k}.", f"{theirs}_backbone.{cam}._cam_module.") for k, cam in _CAM.items()),
        )
    ),
    whole=True,
)
AGW = Naming(
    title="AGW",
    marks=frozenset(
        {
            "visible_module.visible.conv1.weight",
            "thermal_module.thermal.conv1.weight",
            "base_resnet.base.layer1.0.conv1.weight",
        }
    ),
    sections=(
        *((f"{part}.", f"visible_module.visible.{part}.") for part in ("conv1", "bn1")),
        *((f"infrared_stem.{part}.", f"thermal_module.thermal.{part}.") for part in ("conv1", "bn1")),
        # After the last two blocks of ResNet-50's stage 2, and the last three of its stage 3.
        *(
            (f"layer{stage}.{first + number}.non_local.{ours}.", f"NL_{stage}.{number}.{theirs}.")
            for stage, first, count in ((2, 2, 2), (3, 3, 3))
            for number in range(count)
            for ours, theirs in (("theta", "theta"), ("phi", "phi"), ("g", "g"), ("out", "W.0"), ("norm", "W.1"))
        ),
        *((f"layer{stage}.", f"base_resnet.base.layer{stage}.") for stage in (1, 2, 3, 4)),
    ),
)
RESNET = Naming(
    title="a ResNet of torchvision or timm",
    marks=frozenset({"conv1.weight", "bn1.weight"}),
    sections=(*_RESNET_SECTIONS, ("fc.", "fc.")),
)
MINDSPORE_RESNET = Naming(
    title="a ResNet of MindSpore",
    marks=frozenset({"conv1.weight", "bn1.gamma"}),
    sections=(*_RESNET_SECTIONS, ("fc.", "end_point."), ("fc.", "classifier.")),
    mindspore=True,
)
NAMINGS = (OURS, MINDSPORE_RELEASE, PYTORCH_RELEASE, AGW, RESNET, MINDSPORE_RESNET)


def recognise(names: Iterable[str]) -> Naming | None:
    """Find the naming that names follow, if need be under a prefix; None if it is none of `NAMINGS`.

    >>> recognise(["conv1.weight", "bn1.gamma", "bn1.beta"]).title
    'a ResNet of MindSpore'
    >>> recognise(["backbone.conv1.weight", "backbone.bn1.weight", "head.weight"]).prefix
    'backbone.'
    """
    known = set(names)
    plain = next((naming for naming in NAMINGS if naming.marks <= known), None)
    if plain is not None:
        return plain
    found = wrapped_namings(known)
    chosen = [naming for naming in found if naming.whole or naming.title == AGW.title] or found  # encoders are in them
    return chosen[0] if len(chosen) == 1 else None


def wrapped_namings(names: Iterable[str]) -> list[Naming]:
    """List the namings that names follow under a prefix, such as both encoders of a momentum encoder's file.

    >>> [naming.prefix for naming in wrapped_namings(["q.conv1.weight", "q.bn1.weight", "k.conv1.weight"])]
    ['q.']
    """
    known = set(names)
    found = []
    for naming in NAMINGS:
        mark = min(naming.marks)
        prefixes = sorted(name.removesuffix(mark) for name in known if name.endswith(f".{mark}"))
        found += [
            replace(naming, prefix=prefix)
            for prefix in prefixes
            if not _WITHIN_ENCODER.search(prefix) and all(f"{prefix}{other}" in known for other in naming.marks)
        ]
    return found


def our_names(names: Iterable[str], naming: Naming) -> dict[str, str]:
    """Map their names to ours, where we have one. Those of a single ResNet have no branch in front."""
    theirs: dict[str, str] = {}
    for name in names:
        ours = _ours(name, naming)
        if ours is not None:
            theirs.setdefault(ours, name)
    return {name: ours for ours, name in theirs.items()}


def to_our_names(tensors: Mapping[str, Array], naming: Naming) -> Match:
    """Rename tensors from another naming to ours; norms without a counter of batches get one.

    >>> to_our_names({"bn1.gamma": np.ones(1), "epoch": np.ones(1)}, MINDSPORE_RESNET).report
    MatchReport(matched=('bn1.weight',), left_over=('epoch',), missing=(), replaced=(), notes=())
    """
    ours = our_names(tensors, naming)
    renamed = {ours[name]: array for name, array in tensors.items() if name in ours}
    report = MatchReport(tuple(renamed), tuple(name for name in tensors if name not in ours))
    if naming.mindspore:
        renamed |= {f"{norm}{_COUNTER}": np.zeros((), np.int64) for norm in sorted(_norms(renamed))}
    return Match(renamed, report)


def to_their_names(tensors: Mapping[str, Array], naming: Naming) -> Match:
    """Rename tensors from our names to another naming; counters of batches are dropped where it has none."""
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
    return Match(renamed, MatchReport(matched, tuple(left_over)))


def match(tensors: Mapping[str, Array], wanted: Mapping[str, Shape]) -> Match:
    """Take the tensors, by our names, that have the names and shapes that a network wants.

    Counters of batches are not reported as missing.
    """
    fitting = {name: array for name, array in tensors.items() if wanted.get(name) == array.shape}
    report = MatchReport(
        matched=tuple(fitting),
        left_over=tuple(name for name in tensors if name not in wanted),
        missing=tuple(name for name in wanted if name not in tensors and not name.endswith(_COUNTER)),
        replaced=tuple(name for name in wanted if name in tensors and name not in fitting),
    )
    return Match(fitting, report)


def find_resnet(shapes: Mapping[str, Shape]) -> str | None:
    """Name the ResNet of ours whose encoder has these tensors, among others; None if it is another network.

    The number in a ResNet's name counts the convolutions of its blocks, the stem and the classifier.
    """
    count = sum(bool(_CONVOLUTION.fullmatch(name)) for name in shapes)
    name = f"resnet{count + 2}"
    widths = [(shapes.get(f"{layer}conv1.weight") or (0,))[0] for layer in ("", *(f"layer{k}.0." for k in range(1, 5)))]
    published = [widths[0] * factor for factor in (1, 1, 2, 4, 8)]
    known = get_args(get_type_hints(ModelConfig)["arch"])
    return name if name in known and widths[0] and widths == published else None


def _ours(name: str, naming: Naming) -> str | None:
    if not name.startswith(naming.prefix):
        return None
    name = name.removeprefix(naming.prefix)
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
