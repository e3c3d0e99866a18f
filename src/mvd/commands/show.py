"""`mvd show`: what a file of weights is and says of itself."""

from __future__ import annotations

from pathlib import Path

from mvd.results.weights import Shown
from mvd.runs import OPTIMIZER_PREFIX, Card, card_from_json, open_run, read_card
from mvd.weights import read_weights, recognise
from mvd.weights.encoders import find_architecture
from mvd.weights.formats.onnx_metadata import is_onnx, read_onnx
from mvd.weights.formats.stored import Array, Arrays
from mvd.weights.names import OURS, from_theirs

_FORMATS = {"mindspore": "MindSpore .ckpt", "pytorch": "PyTorch, by torch.save", "safetensors": "safetensors"}


def show(path: Path) -> Shown:
    """Look at a file of weights, or at the best checkpoint of a run folder.

    Raises:
        CheckpointError: it is missing, damaged or in no format that is read here.
        RunError: a folder is no run, or has no checkpoint.
    """
    if path.is_dir():
        path = open_run(path).best_checkpoint
    if path.is_file() and is_onnx(_first_bytes(path)):
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
    )


def _show_onnx(path: Path) -> Shown:
    model = read_onnx(path)
    texts = dict(model.metadata)
    card = texts.pop("card", None)
    texts.pop("config", None)
    return Shown(
        file=path,
        size=path.stat().st_size,
        format=f"ONNX, opset {model.opset}",
        network=None,
        tensors={},
        numbers=0,
        card=None if card is None else card_from_json(card, str(path)),
        notes=texts,
    )


def _card(path: Path) -> Card | None:
    """Read the card; beside a checkpoint in its run folder lie test figures, which go into it."""
    folder = path.parent.parent
    if path.parent.name == "checkpoints" and (folder / "config.json").is_file():
        return open_run(folder).card_with_tests(path)
    return read_card(path)


def _describe(tensors: Arrays) -> str | None:
    """Say in words which network tensors are of."""
    naming = recognise(tensors)
    if naming is None:
        return None
    ours = from_theirs(tensors, naming).tensors
    prefix = "shared.encoder." if naming.whole else ""
    encoder = {name.removeprefix(prefix): array.shape for name, array in ours.items() if name.startswith(prefix)}
    arch = find_architecture(encoder) or "an encoder that is not known here"
    whole = "MVD, three encoders" if "visible.encoder.conv1.weight" in ours else "one shared encoder"
    parts = [whole if naming.whole else "a ResNet alone", f"{arch} with a base width of {_rows(ours, prefix)}"]
    parts += [text for mark, text in _PARTS.items() if any(mark in name for name in ours)]
    if (classes := ours.get("shared.neck.classifier.weight")) is not None:
        parts.append(f"{len(classes)} people")
    names = "names of ours" if naming is OURS else f"names of {naming.title}"
    return ", ".join([*parts, names])


_PARTS = {
    ".bottleneck.layers.": "information bottlenecks",
    ".attention2.": "channel attention",
    ".non_local.": "non-local attention",
    ".infrared_stem.": "a stem for each modality",
}


def _rows(tensors: Arrays, prefix: str) -> int:
    weight: Array = tensors[f"{prefix}conv1.weight"]
    return int(weight.shape[0]) if weight.ndim else 0


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(9)
