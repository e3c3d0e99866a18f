"""Load weights from other sources, and convert between frameworks.

`load_pretrained` loads initial weights for training: encoders, or all fitting parts of a whole network. `load_whole`
loads a network unchanged. `convert` converts in both directions; a round trip preserves names and bits, except for
tensors that a format cannot store, which the report names. The optimizer's tensors are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal, TypeAlias

from mvd.config import ModelConfig
from mvd.errors import CheckpointError, require_choice, some
from mvd.runs import Card, CheckpointMeta, check_finite, read_metadata, source_commit
from mvd.weights.formats.arrays import Array, Arrays, Shape, quote
from mvd.weights.formats.files import Kind, read_weights, write_weights
from mvd.weights.hub import find_weights
from mvd.weights.names import (
    Match,
    MatchReport,
    find_resnet,
    match,
    our_names,
    recognise,
    to_our_names,
    to_their_names,
    wrapped_namings,
)
from mvd.weights.namings import MINDSPORE_RELEASE, MINDSPORE_RESNET, OURS, PYTORCH_RELEASE, RESNET, Naming
from mvd.weights.notes import match_notes, released_notes
from mvd.weights.shapes import network_shapes

Framework: TypeAlias = Literal["mvd", "mindspore", "pytorch"]

UNTRAINED = CheckpointMeta(step=0, epoch=0, metrics={}, best=None)
"""Metadata of imported weights: no steps, no figures."""

_TARGETS: dict[Framework, tuple[Kind, Naming, Naming]] = {
    "mvd": ("safetensors", OURS, RESNET),
    "mindspore": ("mindspore", MINDSPORE_RELEASE, MINDSPORE_RESNET),
    "pytorch": ("pytorch", PYTORCH_RELEASE, RESNET),
}
"""Format, naming of a whole network, and naming of a single ResNet, by framework."""

_CLASSIFIER = "shared.neck.classifier.weight"
_ENCODER = ".encoder."
_INFRARED_STEM = "infrared_stem."
_OWN_PARTS = (".attention", ".non_local.")
"""Parts of our encoder that a plain ResNet does not have; they are initialised randomly."""


def load_pretrained(file: Path, config: ModelConfig, classes: int | None = None) -> Match:
    """Load initial weights for training.

    A single ResNet (torchvision's, timm's, MindSpore's) is loaded into every encoder, and into both stems if there are
    two. From a whole network, ours or a release's, each branch is loaded into the same branch, and heads if their sizes
    match; a baseline's encoder is loaded into all branches. Of two stems (AGW) the infrared one is loaded into an
    infrared branch. Arrays of several encoders may be the same objects.

    Args:
        file: weights in any format that `read_weights` reads; or any path that `pretrained_file` accepts.
        config: the network.
        classes: K, the number of training identities; None loads only encoders.

    Returns:
        Arrays by the names of our network, such as "visible.encoder.conv1.weight", and the report. Missing tensors, and
        replaced ones (heads of another size), are initialised randomly.

    Raises:
        CheckpointError: the file cannot be read, its names are unknown, it contains another encoder or a value that is
            not finite; or the network has a custom encoder.
        RunError: the path is a run folder without a checkpoint.
    """
    file = pretrained_file(file)
    if config.encoder is not None:
        raise CheckpointError(
            f"{file}: expected model.encoder to load its own pre-trained weights, found {config.encoder} and a file of "
            f"weights; load them in the function that makes the encoder"
        )
    theirs, naming = _read_named(file)
    tensors, wanted = to_our_names(theirs, naming).tensors, _shapes(config, classes or 2)
    taken: Arrays = {}
    missing: list[str] = []
    replaced: list[str] = []
    used: set[str] = set()
    for branch in dict.fromkeys(name.split(".")[0] for name in wanted):
        sources = (f"{branch}{_ENCODER}", f"shared{_ENCODER}", "")
        source = next(source for source in sources if any(name.startswith(source) for name in tensors))
        encoder = {name.removeprefix(source): array for name, array in tensors.items() if name.startswith(source)}
        if branch == "infrared" and (stem := [name for name in encoder if name.startswith(_INFRARED_STEM)]):
            encoder |= {name.removeprefix(_INFRARED_STEM): encoder[name] for name in stem}
            used |= {f"{source}{name}" for name in stem}
        target = f"{branch}{_ENCODER}"
        found = match(
            {f"{target}{name}": array for name, array in _with_both_stems(encoder).items()},
            {name: shape for name, shape in wanted.items() if name.startswith(target)},
        )
        _require_encoder(file, encoder, found.report, config)
        taken |= found.tensors
        missing += found.report.missing
        used |= {f"{source}{name.removeprefix(target)}" for name in found.tensors}
        if naming.whole and classes is not None:
            own = {name: shape for name, shape in wanted.items() if name.startswith(f"{branch}.")}
            heads = match(tensors, {name: shape for name, shape in own.items() if _ENCODER not in name})
            taken |= heads.tensors
            missing += heads.report.missing
            replaced += heads.report.replaced
            used |= {*heads.tensors, *heads.report.replaced}
    ours = our_names(theirs, naming)
    left_over = tuple(name for name in theirs if ours.get(name) not in used)
    _require_finite(file, {name: array for name, array in theirs.items() if ours.get(name) in used})
    notes = match_notes(file, naming, config, replaced)
    return Match(taken, MatchReport(tuple(taken), left_over, tuple(missing), tuple(replaced), notes))


def pretrained_file(path: Path) -> Path:
    """Return the weights file of a path: the path itself, or the best checkpoint of a run folder or model folder.

    Raises:
        CheckpointError: the folder is neither a run folder nor a model folder.
        RunError: the run has no checkpoint.
    """
    return find_weights(path) if path.is_dir() else path


def load_whole(file: Path, config: ModelConfig) -> Match:
    """Load a whole network, ours or a release's, unchanged.

    Returns:
        Arrays by the names of our network, and the report.

    Raises:
        CheckpointError: the file cannot be read, is not a whole network, or does not fit the configuration; the error
            names the tensors that are missing, left over or of another size.
    """
    theirs, naming = _read_named(file)
    renamed = to_our_names(theirs, naming)
    if not naming.whole or _CLASSIFIER not in renamed.tensors:
        raise CheckpointError(
            f"{file}: expected the weights of a whole MVD network, found {naming.title}; encoders alone go to "
            f"mvd train --pretrained"
        )
    if misfit := find_misfit(renamed.tensors, config):
        raise CheckpointError(
            f"{file}: expected the network of this configuration, found {misfit}; choose the recipe that it was "
            f"trained by, and set model fields that differ"
        )
    _require_finite(file, {name: array for name, array in theirs.items() if name not in renamed.report.left_over})
    notes = released_notes(naming, config)
    return Match(renamed.tensors, MatchReport(tuple(renamed.tensors), renamed.report.left_over, notes=notes))


def find_misfit(tensors: Mapping[str, Array], config: ModelConfig) -> str | None:
    """Describe how a whole network's tensors, by our names, differ from the configured network; None if they fit."""
    report = match(tensors, _shapes(config, count_classes(tensors))).report
    differences = {"no": report.missing, "unknown": report.left_over, "other sizes of": report.replaced}
    return "; ".join(f"{what} {_some(names)}" for what, names in differences.items() if names) or None


def count_classes(tensors: Mapping[str, Array]) -> int:
    """Return the number of classes K of a whole network, by our names.

    Raises:
        CheckpointError: the network has no classifier.

    >>> import numpy as np
    >>> count_classes({"shared.neck.classifier.weight": np.zeros((395, 2048))})
    395
    """
    if _CLASSIFIER not in tensors:
        raise CheckpointError(f"expected the weights of a whole MVD network, found no {_CLASSIFIER}; take another file")
    return len(tensors[_CLASSIFIER])


def convert(file: str | Path, out: str | Path, *, to: Framework) -> MatchReport:
    """Convert weights to the format and the names of another framework.

    Args:
        file: MVD or a single ResNet, in any format that `read_weights` reads.
        out: the file to write; an existing file is replaced.
        to: "mvd" for safetensors with our names, like checkpoints of runs; "mindspore" for a .ckpt and "pytorch" for a
            .pth, with the names of that release of MVD.

    Returns:
        The written tensors, by our names, and the tensors left over, by the names in the file.

    Raises:
        CheckpointError: the file cannot be read, its names are unknown, or `out` cannot be written.
        ConfigError: there is no such framework.
    """
    require_choice("to", to, _TARGETS)
    file, out = Path(file), Path(out)
    theirs, naming = _read_named(file)
    kind, whole, single = _TARGETS[to]
    ours = to_our_names(theirs, naming)
    tensors = ours.tensors if to == "mvd" else _with_whole_encoders(ours.tensors)
    written = to_their_names(tensors, whole if naming.whole else single)
    write_weights(out, written.tensors, kind, metadata=_metadata(file, naming) if to == "mvd" else None)
    return MatchReport(written.report.matched, (*ours.report.left_over, *written.report.left_over))


def _shapes(config: ModelConfig, classes: int) -> dict[str, Shape]:
    if config.encoder is None:
        return network_shapes(config, classes)
    from mvd.models.state import state_shapes  # builds a custom encoder, and loads torch

    return state_shapes(config, classes)


def _metadata(file: Path, naming: Naming) -> dict[str, str]:
    """Build the metadata of converted weights: those of a file of mvd, otherwise the origin of the weights."""
    card = Card(source=f"{file.name}, {naming.title}", commit=source_commit())
    unknown = {"mvd": json.dumps(asdict(UNTRAINED)), "card": card.to_json()}
    return unknown | (read_metadata(file) if naming is OURS else {})


def _read_named(file: Path) -> tuple[Arrays, Naming]:
    tensors, _ = read_weights(file)
    naming = recognise(tensors)
    if naming is None and (several := [one.prefix for one in wrapped_namings(tensors)]):
        raise CheckpointError(
            f"{file}: expected the weights of one encoder, found several, under {_some(several)}; save the one to take "
            f"under names of its own"
        )
    if naming is None:
        raise CheckpointError(
            f"{file}: expected the weights of MVD, ours or a released one's, or of a ResNet, found {_some(tensors)}; "
            f"check that it is the file of the network"
        )
    return tensors, naming


def _require_finite(file: Path, tensors: Mapping[str, Array]) -> None:
    """Refuse weights that would make every loss NaN."""
    if (name := check_finite(tensors)) is not None:
        raise CheckpointError(
            f"{file}: expected finite weights, found NaN or infinity in {quote(name)}; take another file, such as an "
            f"earlier checkpoint"
        )


def _with_both_stems(encoder: Arrays) -> Arrays:
    """Add a second stem, a copy of the first, unless the file has two."""
    stem = {name: array for name, array in encoder.items() if name.startswith(("conv1.", "bn1."))}
    return {f"{_INFRARED_STEM}{name}": array for name, array in stem.items()} | encoder


def _with_whole_encoders(tensors: Arrays) -> Arrays:
    """Copy the shared stages (`model.trunk`) into the specific encoders, which are complete in the releases."""
    prefix = f"shared{_ENCODER}"
    shared = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    branches = [branch for branch in ("visible", "infrared") if any(name.startswith(branch) for name in tensors)]
    return {f"{branch}{_ENCODER}{name}": array for branch in branches for name, array in shared.items()} | tensors


def _require_encoder(file: Path, encoder: Arrays, report: MatchReport, config: ModelConfig) -> None:
    """Refuse an encoder that differs from the network's."""
    lacking = [name for name in report.missing if not any(part in name for part in _OWN_PARTS)]
    if not lacking and not report.replaced:
        return
    names = [name.partition(_ENCODER)[2] for name in lacking or report.replaced]
    found = f"{_some(names)} missing" if lacking else f"{_some(names)} of other sizes"
    arch = find_resnet({name: array.shape for name, array in encoder.items()})
    if arch is not None and (arch, len(encoder["conv1.weight"])) != (config.arch, config.base_width):
        found = f"those of {arch} with a base width of {len(encoder['conv1.weight'])}"
    raise CheckpointError(
        f"{file}: expected the weights of {config.arch} with a base width of {config.base_width}, found {found}; "
        f"set model.arch and model.base_width to what the file holds, or take another file"
    )


def _some(names: Iterable[str]) -> str:
    return some([quote(name) for name in names], 4)
