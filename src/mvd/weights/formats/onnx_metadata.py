"""What an ONNX file says of itself, read without ONNX and without its graph.

Model       7 graph, 8 opset import (1 domain, 2 version), 14 metadata (1 key, 2 value)
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mvd.errors import CheckpointError
from mvd.weights.formats.protobuf import fields
from mvd.weights.formats.stored import RefusedError, require_few

_IR_VERSION, _GRAPH, _OPSET, _METADATA = 1, 7, 8, 14
_DOMAIN, _VERSION = 1, 2
_KEY, _VALUE = 1, 2
_START = b"\x08"


class OnnxModel(NamedTuple):
    """An ONNX file without its graph.

    Attributes:
        opset: version of the operators; None if none is named.
        metadata: text by key.
    """

    opset: int | None
    metadata: dict[str, str]


def is_onnx(data: bytes) -> bool:
    """Tell whether a file begins as ONNX files do, with field 1, the format's version.

    The length of a safetensors header can begin with the same byte; its ninth byte opens a JSON object.
    """
    return data[:1] == _START and data[8:9] != b"{"


def read_onnx(file: Path) -> OnnxModel:
    """Read an ONNX file's metadata.

    Raises:
        CheckpointError: it is missing, damaged, or no ONNX file.
    """
    try:
        return decode(file.read_bytes())
    except RefusedError as refusal:
        raise CheckpointError(f"{file}: expected an ONNX file, found {refusal.found}; {refusal.advice}") from refusal
    except OSError as error:
        raise CheckpointError(
            f"{file}: expected an ONNX file, could not read it ({error.strerror}); check the path and its permissions"
        ) from error


def decode(data: bytes) -> OnnxModel:
    """Read the metadata of an ONNX file.

    Raises:
        RefusedError: it is damaged, or no ONNX file.
    """
    if not is_onnx(data):
        raise RefusedError(f"a file that begins with the bytes {data[:8].hex(' ')}", "check the path")
    opset: int | None = None
    metadata: dict[str, str] = {}
    graphs = 0
    for number, field in enumerate(fields(memoryview(data)), start=1):
        require_few(number, len(data), "fields")
        if field.number == _METADATA:
            key, value = _pair(field.as_bytes())
            metadata[key] = value
        elif field.number == _OPSET:
            opset = _version(field.as_bytes(), opset)
        graphs += field.number == _GRAPH
    if graphs != 1:
        raise RefusedError(f"{graphs} graphs, where an ONNX file has one", "export it again")
    return OnnxModel(opset, metadata)


def _pair(message: memoryview) -> tuple[str, str]:
    texts = {field.number: field.as_bytes() for field in fields(message) if field.number in (_KEY, _VALUE)}
    try:
        return str(texts.get(_KEY, b""), "utf-8"), str(texts.get(_VALUE, b""), "utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError("metadata that is no text") from error


def _version(message: memoryview, known: int | None) -> int | None:
    """Read the version of ONNX's own operators, whose domain is not named; others' are passed over."""
    version, domain = known, memoryview(b"")
    for field in fields(message):
        if field.number == _DOMAIN:
            domain = field.as_bytes()
        elif field.number == _VERSION and isinstance(field.value, int):
            version = field.value
    return known if len(domain) else version
