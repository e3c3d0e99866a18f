"""Weights from elsewhere into our network, and ours to elsewhere.

`load_pretrained` is for the beginning of a training: it takes encoders, and of a whole network everything that fits.
`load_whole` takes a network as it is. `convert` is for whole networks and goes both ways; there and back again gives
the same bits by the same names, except for what a format has no place for, which the report names. An optimiser's
tensors are left behind: they make sense nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal, TypeAlias

from mvd.config import ModelConfig
from mvd.errors import CheckpointError
from mvd.runs import Card, CheckpointMeta, read_config, read_metadata, source_commit
from mvd.weights.encoders import encoder_shapes, find_architecture, resnet_shapes
from mvd.weights.formats.files import Kind, read_weights, write_weights
from mvd.weights.formats.stored import Array, Arrays, shown
from mvd.weights.names import (
    MINDSPORE_RELEASE,
    MINDSPORE_RESNET,
    OURS,
    PYTORCH_RELEASE,
    RESNET,
    Naming,
    Renamed,
    Report,
    from_theirs,
    match,
    our_names,
    recognise,
    to_theirs,
)
from mvd.weights.networks import branches, head_shapes, network_shapes

Target: TypeAlias = Literal["mvd", "mindspore", "pytorch"]

_TARGETS: dict[Target, tuple[Kind, Naming, Naming]] = {
    "mvd": ("safetensors", OURS, RESNET),
    "mindspore": ("mindspore", MINDSPORE_RELEASE, MINDSPORE_RESNET),
    "pytorch": ("pytorch", PYTORCH_RELEASE, RESNET),
}
"""The format of each target, its names for a whole network, and those for a single ResNet."""

_CLASSIFIER = "shared.neck.classifier.weight"
_STEM = ("conv1.", "bn1.")

_RELEASED: Mapping[Naming, Mapping[str, object]] = {
    MINDSPORE_RELEASE: {
        "last_stride": 2,
        "padding": "same",
        "third_norm": "mindspore",
        "grey_weights": (0.2989, 0.5870, 0.1440),
        "descriptor_norm": "each",
    },
    PYTORCH_RELEASE: {
        "last_stride": 1,
        "padding": "pytorch",
        "third_norm": "standard",
        "grey_weights": (0.2989, 0.5870, 0.1140),
        "descriptor_norm": "whole",
    },
}
"""What the releases' networks compute that does not show in the names and shapes of their weights."""


def load_pretrained(file: Path, config: ModelConfig, classes: int | None = None) -> Renamed:
    """Read weights for a network to start from.

    A single ResNet (torchvision's, timm's, MindSpore's) goes into every encoder that the network has, and into both
    stems where there are two. Of a whole network, ours or a release of MVD, each branch goes into its own, heads where
    they are of the same size; a baseline's encoder goes into all. The arrays of one encoder may be the same objects as
    those of another.

    Args:
        file: weights in any format that `read_weights` knows.
        config: the network.
        classes: K, identities that it will be trained on; without it, encoders alone are taken.

    Returns:
        Arrays by the names of our network, such as "visible.encoder.conv1.weight", and a report of them. Missing are
        parts that start anew; replaced are heads of another size, a classifier of other people above all.

    Raises:
        CheckpointError: it cannot be read, its names are unknown, or the encoder in it is another one.
    """
    theirs, naming = _read_named(file)
    tensors, wanted = from_theirs(theirs, naming).tensors, encoder_shapes(config)
    taken: Arrays = {}
    missing: list[str] = []
    replaced: list[str] = []
    used: set[str] = set()
    for branch in branches(config):
        source = next(
            start for start in (f"{branch}.encoder.", "shared.encoder.", "") if f"{start}conv1.weight" in tensors
        )
        encoder = {name.removeprefix(source): array for name, array in tensors.items() if name.startswith(source)}
        found = match(_with_both_stems(encoder), wanted)
        _require_encoder(file, encoder, found.report, config)
        taken |= {f"{branch}.encoder.{name}": array for name, array in found.tensors.items()}
        missing += [f"{branch}.encoder.{name}" for name in found.report.missing]
        used |= {f"{source}{name}" for name in found.tensors}
        if naming.whole and classes is not None:
            heads = match(tensors, {f"{branch}.{name}": shape for name, shape in head_shapes(config, classes).items()})
            taken |= heads.tensors
            missing += heads.report.missing
            replaced += heads.report.replaced
            used |= {*heads.tensors, *heads.report.replaced}
    ours = our_names(theirs, naming)
    left_over = tuple(name for name in theirs if ours.get(name) not in used)
    notes = _notes(file, naming, config, replaced)
    return Renamed(taken, Report(tuple(taken), left_over, tuple(missing), tuple(replaced), notes))


def load_whole(file: Path, config: ModelConfig) -> Renamed:
    """Read a whole network, ours or a release's, as it is.

    Returns:
        Arrays by the names of our network, and a report of them.

    Raises:
        CheckpointError: it cannot be read, is no whole network, or is another one than the configuration's; what is
            missing, left over or of another size is named.
    """
    theirs, naming = _read_named(file)
    renamed = from_theirs(theirs, naming)
    if not naming.whole or _CLASSIFIER not in renamed.tensors:
        raise CheckpointError(
            f"{file}: expected the weights of a whole MVD network, found {naming.title}; encoders alone go to "
            f"mvd train --pretrained"
        )
    found = match(renamed.tensors, network_shapes(config, count_classes(renamed.tensors)))
    report = found.report
    problems = [f"no {_some(report.missing)}"] if report.missing else []
    problems += [f"unknown {_some(report.left_over)}"] if report.left_over else []
    problems += [f"other sizes of {_some(report.replaced)}"] if report.replaced else []
    if problems:
        raise CheckpointError(
            f"{file}: expected the network of this configuration, found {'; '.join(problems)}; choose the recipe that "
            f"it was trained by, and set model fields that differ"
        )
    notes = _released_notes(naming, config)
    return Renamed(found.tensors, Report(report.matched, renamed.report.left_over, notes=notes))


def count_classes(tensors: Mapping[str, Array]) -> int:
    """Count the people K that a whole network by our names tells apart."""
    return len(tensors[_CLASSIFIER])


def convert(file: Path, out: Path, *, to: Target) -> Report:
    """Write the weights of a file in the format and with the names of another framework.

    Args:
        file: MVD or a single ResNet, in any format that `read_weights` knows.
        out: the file to write; one that is there is replaced.
        to: "mvd" for safetensors with our names, as checkpoints of runs are; "mindspore" for a .ckpt and "pytorch" for
            a .pth, with the names of that release of MVD.

    Returns:
        What was written, by our names, and what was left over, by the names in the file.

    Raises:
        CheckpointError: it cannot be read, its names are unknown, or `out` cannot be written.
    """
    theirs, naming = _read_named(file)
    kind, whole, single = _TARGETS[to]
    ours = from_theirs(theirs, naming)
    written = to_theirs(ours.tensors, whole if naming.whole else single)
    write_weights(out, written.tensors, kind, metadata=_metadata(file, naming) if to == "mvd" else None)
    return Report(written.report.matched, (*ours.report.left_over, *written.report.left_over))


# A converted checkpoint has taken no step, and nobody has measured it.
_UNTRAINED = CheckpointMeta(step=0, epoch=0, metrics={}, best=None)


def _metadata(file: Path, naming: Naming) -> dict[str, str]:
    """Say what is known of converted weights: all that one of our own files says of itself; else where it came from."""
    card = Card(source=f"{file.name}, {naming.title}", commit=source_commit())
    unknown = {"mvd": json.dumps(asdict(_UNTRAINED)), "card": card.to_json()}
    return unknown | (read_metadata(file) if naming is OURS else {})


def _notes(file: Path, naming: Naming, config: ModelConfig, replaced: Sequence[str]) -> tuple[str, ...]:
    """Note what a user would want to know of weights that fit."""
    notes = []
    if replaced:
        notes.append(f"replaced by new ones, for these are of another size: {', '.join(replaced)}")
    trained = _padding(file, naming)
    if trained not in (None, config.padding):
        notes.append(
            f'weights of this kind are trained with padding "{trained}", and this network pads as "{config.padding}", '
            f"so its maps are shifted by up to a pixel: --model.padding {trained} has what was trained"
        )
    return tuple(notes)


def _released_notes(naming: Naming, config: ModelConfig) -> tuple[str, ...]:
    """Note where a network computes something else than the release whose names its weights have."""
    other = {name: value for name, value in _RELEASED.get(naming, {}).items() if getattr(config, name) != value}
    if not other:
        return ()
    listed = ", ".join(f"{name} {value}" for name, value in other.items())
    return (
        f"networks of {naming.title} have {listed}, and this one has not: take the recipe of that release, unless "
        f"these weights were converted from another network",
    )


def _padding(file: Path, naming: Naming) -> str | None:
    """Tell the padding that weights were trained with, where their naming or their metadata says so."""
    if naming is not OURS:
        return "same" if naming.mindspore else "pytorch"
    config = read_config(file)
    return None if config is None else config.model.padding


def _read_named(file: Path) -> tuple[Arrays, Naming]:
    """Read a file whose names are known."""
    tensors, _ = read_weights(file)
    naming = recognise(tensors)
    if naming is None:
        raise CheckpointError(
            f"{file}: expected the weights of MVD, ours or a released one's, or of a ResNet, found {_some(tensors)}; "
            f"check that it is the file of the network"
        )
    return tensors, naming


def _with_both_stems(encoder: Arrays) -> Arrays:
    """Add a second stem, the same as the first, where the file has one; it is left out where it is not wanted."""
    return {f"infrared_stem.{name}": array for name, array in encoder.items() if name.startswith(_STEM)} | encoder


def _require_encoder(file: Path, encoder: Arrays, report: Report, config: ModelConfig) -> None:
    """Refuse an encoder that is not the network's."""
    core = resnet_shapes(config.arch, config.base_width)
    lacking = [name for name in report.missing if name in core]
    if not lacking and not report.replaced:
        return
    arch = find_architecture({name: array.shape for name, array in encoder.items()})
    if arch is not None:
        found = f"those of {arch} with a base width of {len(encoder['conv1.weight'])}"
    else:
        found = f"{_some(lacking)} missing" if lacking else f"{_some(report.replaced)} of other sizes"
    raise CheckpointError(
        f"{file}: expected the weights of {config.arch} with a base width of {config.base_width}, found {found}; "
        f"set model.arch and model.base_width to what the file holds, or take another file"
    )


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(map(shown, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
