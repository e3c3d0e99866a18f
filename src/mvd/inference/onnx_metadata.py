"""Read and update the metadata of ONNX files without any package, as Protocol Buffers messages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mvd.errors import CheckpointError
from mvd.files.atomic import replacing
from mvd.weights.formats.arrays import RefusedError
from mvd.weights.formats.protobuf import bytes_field, bytes_prefix, fields, number_field

# Field numbers of ONNX's ModelProto, StringStringEntryProto and OperatorSetIdProto.
_GRAPH, _OPSETS, _TEXTS = 7, 8, 14
_KEY, _VALUE = 1, 2
_DOMAIN, _VERSION = 1, 2


class OnnxMetadata(NamedTuple):
    """The metadata of an ONNX file.

    Attributes:
        opset: version of ONNX's default operator set; None if it is not given.
        texts: metadata texts by key.
    """

    opset: int | None
    texts: dict[str, str]


def read_metadata(file: Path) -> OnnxMetadata:
    """Read the metadata of an ONNX file.

    Raises:
        CheckpointError: the file is missing, damaged, or not an ONNX file.
    """
    opset: int | memoryview | None = None
    texts, graph = dict[str, str](), False
    try:
        for number, value in fields(memoryview(file.read_bytes())):
            if isinstance(value, int):
                continue
            graph = graph or number == _GRAPH
            if number == _OPSETS:
                version = {one.number: one.value for one in fields(value)}
                if not version.get(_DOMAIN) and isinstance(version.get(_VERSION), int):
                    opset = version[_VERSION]
            elif number == _TEXTS:
                key, text = _entry(value)
                texts[key] = text
    except (OSError, RefusedError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "found", None) or str(error)
        raise CheckpointError(
            f"{file}: expected an ONNX model, could not read it ({reason}); copy or export it again"
        ) from error
    if not graph:
        raise CheckpointError(f"{file}: expected an ONNX model, found none in it; export it again")
    return OnnxMetadata(opset if isinstance(opset, int) else None, texts)


def update_metadata(file: Path, texts: Mapping[str, str]) -> None:
    """Set texts in the metadata of an ONNX file; all other bytes stay unchanged.

    Raises:
        CheckpointError: the file is missing, damaged, or not an ONNX file.
        OSError: the file cannot be written; it is unchanged.
    """
    read_metadata(file)
    message = memoryview(file.read_bytes())
    with replacing(file) as temporary, temporary.open("wb") as out:
        for number, value in fields(message):
            if isinstance(value, int):
                out.write(number_field(number, value))
            elif number != _TEXTS or _entry(value)[0] not in texts:
                out.write(bytes_prefix(number, len(value)))
                out.write(value)
        for key, text in texts.items():
            entry = bytes_field(_KEY, key.encode()) + bytes_field(_VALUE, text.encode())
            out.write(bytes_field(_TEXTS, entry))


def _entry(message: memoryview) -> tuple[str, str]:
    found = {one.number: bytes(one.as_bytes()).decode() for one in fields(message)}
    return found.get(_KEY, ""), found.get(_VALUE, "")
