"""Read and write Protocol Buffers messages as fields, without a schema: the part of the format that MindSpore uses.

A message is a sequence of fields: a number and a wire type in one integer, then a value. The library would need a
compiled schema, and allocates the sizes that a message declares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mvd.weights.formats.arrays import RefusedError

_VARINT, _BYTES = 0, 2
_FIXED_LENGTHS = {1: 8, 5: 4}


class Field(NamedTuple):
    """A field of a message: its number in the schema, and an integer, or the bytes of anything else."""

    number: int
    value: int | memoryview

    def as_bytes(self) -> memoryview:
        """Return the value of a field that must contain bytes."""
        if isinstance(self.value, int):
            raise RefusedError(f"a number in field {self.number}, where bytes belong")
        return self.value


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message in order; refuse invalid and truncated messages."""
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        number, kind = key >> 3, key & 7
        if not 0 < number < 2**29:
            raise RefusedError(f"field number {number} at byte {position}, which no message has")
        if kind == _VARINT:
            value, position = read_varint(message, position)
            yield Field(number, value)
            continue
        if kind == _BYTES:
            length, position = read_varint(message, position)
        elif kind in _FIXED_LENGTHS:
            length = _FIXED_LENGTHS[kind]
        else:
            raise RefusedError(f"a field of unknown kind {kind} at byte {position}")
        if length > len(message) - position:
            raise RefusedError(f"a field of {length} bytes where {len(message) - position} are left")
        yield Field(number, message[position : position + length])
        position += length


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Read an integer from 0 to 2^64 - 1, seven bits per byte, lowest first; return it and the next position."""
    value = 0
    for index in range(10):
        if position + index >= len(message):
            raise RefusedError("the end of the file in the middle of a number")
        byte = message[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80 and value < 2**64:
            return value, position + index + 1
    raise RefusedError(f"a number of more than 64 bits at byte {position}")


def number_field(number: int, value: int) -> bytes:
    """Encode a field with a non-negative integer."""
    return _varint(number << 3 | _VARINT) + _varint(value)


def bytes_prefix(number: int, length: int) -> bytes:
    """Encode the header of a field of `length` bytes, which must follow it."""
    return _varint(number << 3 | _BYTES) + _varint(length)


def bytes_field(number: int, value: bytes) -> bytes:
    """Encode a field of bytes."""
    return bytes_prefix(number, len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
