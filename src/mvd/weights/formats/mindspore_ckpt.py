"""Read and write MindSpore's checkpoints (.ckpt) without MindSpore, whose package is 800 MB.

    Checkpoint   1 value, repeated
    Value        1 tag (the name), 2 tensor, 3 map tensor (an embedding table; refused)
    Tensor       1 dims, repeated, 2 tensor_type, 3 tensor_content, little-endian in C order

Conventions beyond the schema:

- a tensor of more than 512 MiB is split into consecutive values with the same tag, each with the dims of the whole;
- a scalar has no dims, or the single dim 0; a string has the dim 0, type "str" and UTF-32;
- MindSpore omits tensors without elements, and reads one as a zero; they are not written here;
- BFloat16 becomes float32, with the same values, since NumPy has no such type;
- with `crc_check` the file ends in "crc_num" and ten bytes: the CRC-32 of what precedes them, big-endian.

MindSpore pads tensors that are too short with zeros, and verifies a checksum only if asked to; here both are errors.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from operator import attrgetter
from typing import IO, NamedTuple

import numpy as np

from mvd.errors import CheckpointError
from mvd.weights.formats.arrays import (
    BFLOAT16,
    DTYPES,
    MOST_DIMENSIONS,
    Array,
    Arrays,
    RefusedError,
    join_bytes,
    refuse_tensor,
    require_few,
)
from mvd.weights.formats.protobuf import Field, bytes_field, bytes_prefix, fields, number_field, read_varint

ENCRYPTED = (b"\xd8\x5e\x3a\x7f", b"\xd9\x5e\x3a\x7f", b"\xda\x5e\x3a\x7f")
"""First bytes of files encrypted by MindSpore: AES-GCM, AES-CBC, SM4-CBC."""

_VALUE = 1
_TAG, _TENSOR, _MAP_TENSOR = 1, 2, 3
_DIMS, _TYPE, _CONTENT = 1, 2, 3

# Such as UInt8 for U8.
_WORDS = {"I": "Int", "U": "UInt", "F": "Float", "BF": "BFloat", "BOOL": "Bool"}
_TYPES = {_WORDS[name.rstrip("0123456789")] + name.lstrip("BFIULO"): dtype for name, dtype in DTYPES.items()}
_TYPE_NAMES = {dtype: name for name, dtype in _TYPES.items() if dtype != BFLOAT16}
_STRING = "str"

_CRC_MARK = b"crc_num"
_CRC_BYTES = 10
_LONGEST_TEXT = 2**16
_PIECE_BYTES = 512 * 2**20


class _Piece(NamedTuple):
    """A value of the file: a tensor, or a part of it."""

    name: str
    type: str
    dims: tuple[int, ...]
    content: memoryview


def decode(data: bytes) -> Arrays:
    """Read a checkpoint as arrays by name, in the file's order; a string becomes an array without dimensions.

    Raises:
        RefusedError: the checkpoint is damaged or encrypted, or contains something unsupported.
    """
    if data.startswith(ENCRYPTED):
        raise RefusedError(
            "an encrypted file",
            "load it in MindSpore with its dec_key, and save it with save_checkpoint and no enc_key",
        )
    arrays: Arrays = {}
    for name, pieces in groupby(_pieces(_without_checksum(memoryview(data)), len(data)), attrgetter("name")):
        if name in arrays:
            refuse_tensor(name, "is there twice")
        arrays[name] = _join(name, list(pieces))
    if not arrays:
        raise RefusedError("no tensors", "save the network with mindspore.save_checkpoint")
    return arrays


def is_checkpoint(data: bytes) -> bool:
    """Return whether a file starts like a checkpoint: with a value that contains a tag."""
    if not data.startswith(b"\x0a"):
        return False
    try:
        _, start = read_varint(memoryview(data), 1)
    except RefusedError:
        return False
    return data[start : start + 1] == b"\x0a"


def encode(arrays: Mapping[str, Array], file: IO[bytes]) -> None:
    """Write a checkpoint in MindSpore's format.

    Raises:
        CheckpointError: an array has no elements, or a type that a checkpoint cannot store.
    """
    for name, array in arrays.items():
        if array.dtype.kind == "U" and array.ndim == 0:
            _write_value(file, name, _STRING, (0,), memoryview(str(array).encode("utf-32-le")))
            continue
        type_name = _TYPE_NAMES.get(array.dtype.newbyteorder("<"))
        if type_name is None or not array.size:
            found = f"one of type {array.dtype}" if array.size else "one without elements"
            raise CheckpointError(
                f"{name}: expected a tensor that MindSpore's .ckpt can hold, found {found}; leave it out or convert it"
            )
        little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        content = little.reshape(-1).view(np.uint8).data
        step = _PIECE_BYTES
        for start in range(0, len(content), step):
            _write_value(file, name, type_name, array.shape, content[start : start + step])


def _pieces(body: memoryview, size: int) -> Iterator[_Piece]:
    for number, field in enumerate(fields(body), start=1):
        require_few(number, size, "tensors")
        if field.number != _VALUE:
            raise RefusedError(f"field {field.number}, where a checkpoint has only field {_VALUE}")
        yield _piece(field.as_bytes())


def _piece(value: memoryview) -> _Piece:
    """Read a value. Unknown fields are skipped, as the format requires."""
    parts: dict[int, memoryview] = {}
    for field in fields(value):
        if field.number in (_TAG, _TENSOR, _MAP_TENSOR):
            if field.number in parts:
                raise RefusedError(f"a value that has field {field.number} twice")
            parts[field.number] = field.as_bytes()
    name = _text(parts.get(_TAG, memoryview(b"")))
    if _TENSOR not in parts:
        refuse_tensor(name, "is an embedding table" if _MAP_TENSOR in parts else "has no content")
    dims: list[int] = []
    type_name, content = "", memoryview(b"")
    for field in fields(parts[_TENSOR]):
        if field.number == _DIMS:
            dims += islice(_dims(field), MOST_DIMENSIONS + 1)
            if len(dims) > MOST_DIMENSIONS:
                refuse_tensor(name, f"has more than {MOST_DIMENSIONS} dimensions")
        elif field.number == _TYPE:
            type_name = _text(field.as_bytes())
        elif field.number == _CONTENT:
            content = field.as_bytes()
    return _Piece(name, type_name, tuple(dims), content)


def _dims(field: Field) -> Iterator[int]:
    """Read the dims of a field: a single one, or several packed."""
    if isinstance(field.value, int):
        yield field.value
        return
    position = 0
    while position < len(field.value):
        value, position = read_varint(field.value, position)
        yield value


def _join(name: str, pieces: list[_Piece]) -> Array:
    first = pieces[0]
    if any((piece.type, piece.dims) != (first.type, first.dims) for piece in pieces):
        refuse_tensor(name, "comes in parts that do not belong together")
    contents = [piece.content for piece in pieces]
    if first.type == _STRING:
        return np.array(_string(contents))
    if first.type not in _TYPES:
        refuse_tensor(name, f"is of a type that is not read here, {first.type[:20]!a}")
    dims = () if first.dims == (0,) and any(contents) else first.dims
    return join_bytes(name, contents, _TYPES[first.type], dims)


def _string(contents: list[memoryview]) -> str:
    if len(contents) > 1:
        raise RefusedError("a text in parts")
    return _text(contents[0], "utf-32-le")


def _text(encoded: memoryview, encoding: str = "utf-8") -> str:
    if len(encoded) > _LONGEST_TEXT:
        raise RefusedError(f"a name or text of {len(encoded)} bytes")
    try:
        return str(encoded, encoding)
    except UnicodeDecodeError as error:
        raise RefusedError(f"text that is not {encoding.upper()}") from error


def _without_checksum(data: memoryview) -> memoryview:
    """Verify and remove the checksum, if there is one."""
    body, end = data[: -len(_CRC_MARK) - _CRC_BYTES], data[-len(_CRC_MARK) - _CRC_BYTES :]
    if end[: len(_CRC_MARK)] != _CRC_MARK:
        return data
    if int.from_bytes(end[len(_CRC_MARK) :], "big") != zlib.crc32(body):
        raise RefusedError("contents that do not fit the file's checksum")
    return body


def _write_value(file: IO[bytes], name: str, type_name: str, dims: tuple[int, ...], content: memoryview) -> None:
    tensor = b"".join(number_field(_DIMS, n) for n in dims) + bytes_field(_TYPE, type_name.encode())
    tensor += bytes_prefix(_CONTENT, len(content))
    value = bytes_field(_TAG, name.encode()) + bytes_prefix(_TENSOR, len(tensor) + len(content)) + tensor
    file.write(bytes_prefix(_VALUE, len(value) + len(content)) + value)
    file.write(content)
