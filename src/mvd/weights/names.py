"""Names of weights: recognise the naming scheme (`namings`), and translate names to ours and back.

A naming replaces prefixes, and MindSpore's suffixes too: a norm's `weight` is called `gamma`. Norms are recognised by
their running statistics. PyTorch's norms count batches. Nothing reads the counters, and MindSpore does not have them:
they are set to 0 in weights from MindSpore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, get_args, get_type_hints

import numpy as np

from mvd.config import ModelConfig
from mvd.weights.formats.arrays import Array, Arrays, Shape
from mvd.weights.namings import AGW, NAMINGS, OURS, Naming

_COUNTER = ".num_batches_tracked"
_STATISTIC = ".running_mean"
_MINDSPORE_ENDS = {
    ".weight": ".gamma",
    ".bias": ".beta",
    ".running_mean": ".moving_mean",
    ".running_var": ".moving_variance",
}
_OURS_ALONE = ".non_local."
_SHORTCUTS = (
    (re.compile(r"\.(?:down_sample_layer|down_sample)\.(?=[01]\.)"), ".downsample."),
    (re.compile(r"\.conv_down_sample\."), ".downsample.0."),
    (re.compile(r"\.bn_down_sample\."), ".downsample.1."),
)
_WITHIN_ENCODER = re.compile(r"(?:^|\.)layer\d+\.\d+\.$")
_CONVOLUTION = re.compile(r"layer[1-4]\.\d+\.conv\d\.weight")


class MatchReport(NamedTuple):
    """Report of the tensors of a file that were used and not used.

    Attributes:
        matched: our names with a tensor in the file.
        left_over: unused names in the file.
        missing: our names without a tensor in the file.
        replaced: our names for which the file has a tensor of another size, such as a classifier of other identities;
            they are initialised randomly.
        notes: further remarks, one line each.
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


def recognise(names: Iterable[str]) -> Naming | None:
    """Find the naming scheme of some names, possibly under a common prefix; None if it is not in `NAMINGS`.

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
    chosen = [naming for naming in found if naming.whole or naming.title == AGW.title] or found  # they contain encoders
    return chosen[0] if len(chosen) == 1 else None


def wrapped_namings(names: Iterable[str]) -> list[Naming]:
    """List the naming schemes that occur under prefixes, such as both encoders of a file with a momentum encoder.

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
    """Map foreign names to ours, if they have a counterpart. Names of a single ResNet have no branch prefix."""
    theirs: dict[str, str] = {}
    for name in names:
        ours = _ours(name, naming)
        if ours is not None:
            theirs.setdefault(ours, name)
    return {name: ours for ours, name in theirs.items()}


def to_our_names(tensors: Mapping[str, Array], naming: Naming) -> Match:
    """Rename tensors from another naming to ours; add missing batch counters of norms.

    >>> from mvd.weights.namings import MINDSPORE_RESNET
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
    """Rename tensors from our names to another naming; drop batch counters if it does not have them."""
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
    """Select the tensors, by our names, with the names and shapes of a network.

    Batch counters are not reported as missing.
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
    """Return the name of the supported ResNet whose encoder has these tensors; None if it is another network.

    There may be further tensors. The number in a ResNet's name counts the convolutions of its blocks, the stem and the
    classifier.
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
