"""`mvd show`: describe a weights file or an exported program, with its model card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mvd.errors import counted
from mvd.inference.identity import fingerprint_projected, fingerprint_weights
from mvd.inference.kept import kept_calibration, kept_projection
from mvd.inference.models import RENDERED, box_model
from mvd.inference.onnx_metadata import read_metadata
from mvd.metrics.calibration import Calibration
from mvd.results.weights import Shown
from mvd.runs import OPTIMIZER_PREFIX, Card, RunFolder, card_from_json, read_card, read_config
from mvd.runs.beside import run_path_of
from mvd.weights import read_weights, recognise
from mvd.weights.formats.arrays import Arrays
from mvd.weights.formats.files import is_onnx
from mvd.weights.hub import find_weights
from mvd.weights.names import find_resnet, to_our_names
from mvd.weights.namings import OURS

_FORMATS = {"mindspore": "MindSpore .ckpt", "pytorch": "PyTorch, by torch.save", "safetensors": "safetensors"}
_PARTS = {
    ".bottleneck.layers.": "information bottlenecks",
    ".attention2.": "channel attention",
    ".non_local.": "non-local attention",
    ".infrared_stem.": "a stem for each modality",
}


def show(path: str | Path) -> Shown:
    """Describe a weights file or an ONNX program.

    Args:
        path: the file; a run folder, for its best checkpoint; a model folder; or "rendered", the bundled model.

    Raises:
        CheckpointError: the file is missing, damaged or in an unknown format.
        RunError: the run folder has no checkpoint.
    """
    if str(path) == RENDERED and not Path(path).exists():
        box = box_model()
        return replace(_show_onnx(box), page=box.with_suffix(".md").read_text(encoding="utf-8"))
    path = Path(path)
    if path.is_dir():
        path = find_weights(path)
    if is_onnx(path):
        return _show_onnx(path)
    tensors, kind = read_weights(path)
    own = {name: array for name, array in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}
    return Shown(
        file=path,
        size=path.stat().st_size,
        format=_FORMATS[kind],
        network=_describe(own),
        tensors={name: (str(array.dtype), array.shape) for name, array in tensors.items()},
        numbers=sum(array.size for array in own.values()),
        card=_card(path) if kind == "safetensors" else None,
        notes={},
        calibration=_calibration(path, own) if kind == "safetensors" else None,
    )


def _show_onnx(path: Path) -> Shown:
    opset, texts = read_metadata(path)
    card = texts.pop("card", None)
    texts.pop("config", None)
    return Shown(
        file=path,
        size=path.stat().st_size,
        format=f"ONNX, opset {opset}",
        network=None,
        tensors={},
        numbers=0,
        card=None if card is None else card_from_json(card, str(path)),
        notes=texts,
        calibration=Calibration.of(texts.get("calibration"), texts.get("fingerprint", ""), str(path)),
    )


def _calibration(path: Path, tensors: Arrays) -> Calibration | None:
    """Read the calibration stored beside a checkpoint, if it belongs to these weights."""
    config = read_config(path)
    if config is None:
        return None
    weights = fingerprint_weights(tensors, config)
    return kept_calibration(path, fingerprint_projected(weights, kept_projection(path, weights)))


def _card(path: Path) -> Card | None:
    """Read the card of a checkpoint; in a run folder, the folder's test figures are added."""
    if (folder := run_path_of(path)) is not None:
        run = RunFolder(folder)
        return run.card_with_tests(run.require_own(path))
    return read_card(path)


def _describe(tensors: Arrays) -> str | None:
    """Describe the network of some tensors in words; None if their names are unknown."""
    naming = recognise(tensors)
    if naming is None:
        return None
    ours = to_our_names(tensors, naming).tensors
    prefix = "shared.encoder." if naming.whole else ""
    encoder = {name.removeprefix(prefix): array.shape for name, array in ours.items() if name.startswith(prefix)}
    whole = "MVD, three encoders" if any(name.startswith("visible.") for name in ours) else "one shared encoder"
    resnet = find_resnet(encoder)
    parts = [
        whole if naming.whole else "a ResNet alone",
        f"{resnet} with a base width of {encoder['conv1.weight'][0]}"
        if resnet
        else "an encoder that is not known here",
        *(text for mark, text in _PARTS.items() if any(mark in name for name in ours)),
    ]
    if (classes := ours.get("shared.neck.classifier.weight")) is not None:
        parts.append(counted(len(classes), "person"))
    named = "names of ours" if naming is OURS else f"names of {naming.title}"
    return ", ".join([*parts, f"{named} under {naming.prefix}" if naming.prefix else named])
