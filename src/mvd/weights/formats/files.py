"""Read and write weights files: the content determines the format; new files are written atomically.

The suffix is unreliable: `.pth.tar` is not a tar archive, and several frameworks write `.ckpt`. Every problem with a
file raises a CheckpointError that names the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from mvd.errors import CheckpointError
from mvd.files.atomic import replacing
from mvd.files.locks import name_locked
from mvd.files.names import shell_words
from mvd.files.regular import require_regular
from mvd.weights.formats import mindspore_ckpt, safetensors_files, torch_files
from mvd.weights.formats.arrays import Array, Arrays, RefusedError

Kind: TypeAlias = Literal["mindspore", "pytorch", "safetensors"]

ENDINGS: Mapping[Kind, tuple[str, ...]] = {
    "mindspore": (".ckpt",),
    "pytorch": (".pth", ".pt", ".tar"),
    "safetensors": (".safetensors",),
}
"""Suffixes of new files. MindSpore only opens .ckpt."""

# In the order of detection.
_FORMATS: Mapping[Kind, tuple[str, Callable[[bytes], bool], Callable[[bytes], Arrays]]] = {
    "pytorch": ("weights of PyTorch", torch_files.is_torch, torch_files.decode),
    "safetensors": ("weights as safetensors", safetensors_files.is_safetensors, safetensors_files.decode),
    "mindspore": ("weights of MindSpore", mindspore_ckpt.is_checkpoint, mindspore_ckpt.decode),
}

_ANY = "weights of MindSpore (.ckpt), PyTorch (.pth, .pt) or as safetensors"
_START = 64  # leading bytes, enough to detect each format
_ONNX = b"\x08"
_OTHERS = {
    _ONNX: ("an ONNX program", "take the weights that it was exported from"),
    b"version https://git-lfs": ("a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    b"<": ("a web page or XML", "the download went wrong: get the file itself"),
    b"\x89HDF": ("an HDF5 file", "save the weights with one of these frameworks"),
    b"\xff\xd8\xff": ("a JPEG picture", "check the path and the order of the arguments"),
    b"\x89PNG": ("a PNG picture", "check the path and the order of the arguments"),
    b"\x93NUMPY": ("an array of NumPy", "save the weights with one of these frameworks"),
    b"\x1f\x8b": ("a gzip archive", "unpack it first"),
    b"\x80": ("a pickle that torch.save did not write", "save the weights with torch.save"),
}


class WeightsFile(NamedTuple):
    """The content of a weights file.

    Attributes:
        tensors: arrays by the names in the file.
        kind: the format.
    """

    tensors: Arrays
    kind: Kind


def read_weights(file: Path) -> WeightsFile:
    """Read the tensors of a file in any supported format. Nothing in the file is executed.

    Raises:
        CheckpointError: the file is missing, in another format, damaged, or contains something other than weights.
    """
    expected = _ANY
    try:
        if not file.is_file():
            inside = file / "checkpoints" / "best.safetensors"
            advice = f"name its file: {shell_words(inside)}" if inside.is_file() else "check the path"
            raise RefusedError("a folder" if file.is_dir() else "no such file", advice)
        with file.open("rb") as handle:
            kind = _kind(handle.read(_START))  # a file of another kind may be larger than memory
            handle.seek(0)
            data = handle.read()
        expected, _, decode = _FORMATS[kind]
        return WeightsFile(decode(data), kind)
    except RefusedError as refusal:
        raise CheckpointError(f"{file}: expected {expected}, found {refusal.found}; {refusal.advice}") from refusal
    except OSError as error:
        raise CheckpointError(
            f"{file}: expected {expected}, could not read it ({error.strerror}); check the path and its permissions"
        ) from error
    except MemoryError as error:
        raise CheckpointError(
            f"{file}: expected {expected} that fit into memory, found more; a few times the file's size has to be free"
        ) from error


def foreign_weights(file: Path) -> CheckpointError:
    """Make the error of a file without a configuration of mvd: weights of another program, or no weights at all."""
    try:
        read_weights(file)
    except CheckpointError as error:
        return error
    return CheckpointError(
        f"{file}: expected weights of mvd with their configuration, found none in it; make a run folder of foreign "
        f"weights with mvd import"
    )


def write_weights(
    file: Path, tensors: Mapping[str, Array], kind: Kind, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a weights file atomically; an existing file is replaced.

    Args:
        file: the file, with one of the format's `ENDINGS`.
        tensors: arrays by name.
        kind: the format.
        metadata: text by key; safetensors only.

    Raises:
        CheckpointError: the suffix is wrong, the format cannot store a tensor, or the file cannot be written.
        BusyError: another process writes the file.
    """
    if file.suffix not in ENDINGS[kind]:
        raise CheckpointError(
            f"{file}: expected a name that ends in {' or '.join(ENDINGS[kind])}, found {file.suffix or 'no ending'}; "
            f"choose another name"
        )
    try:
        with name_locked(file), replacing(file) as temporary:
            if kind == "safetensors":
                safetensors_files.encode(tensors, temporary, dict(metadata or {}))
                return
            with temporary.open("wb") as handle:
                (mindspore_ckpt if kind == "mindspore" else torch_files).encode(tensors, handle)
    except OSError as error:
        raise CheckpointError(
            f"{file}: expected to write weights, could not ({error.strerror or error}); choose another place"
        ) from error


def is_onnx(file: Path) -> bool:
    """Return whether a file starts like an ONNX program, and not like a weights file.

    The first byte is not sufficient: the length of a safetensors header can start with it.
    """
    try:
        require_regular(file)
        with file.open("rb") as handle:
            start = handle.read(_START)
    except OSError:
        return False
    return start.startswith(_ONNX) and not any(recognise(start) for _, recognise, _ in _FORMATS.values())


def _kind(data: bytes) -> Kind:
    if not data:
        raise RefusedError("an empty file", "copy or download it again")
    if data.startswith(mindspore_ckpt.ENCRYPTED):
        return "mindspore"
    for kind, (_, recognise, _) in _FORMATS.items():
        if recognise(data):
            return kind
    for start, (found, advice) in _OTHERS.items():
        if data.startswith(start):
            raise RefusedError(found, advice)
    raise RefusedError(f"a file that begins with the bytes {data[:8].hex(' ')}", "check the path")
