"""Protocol buffers as they are on the wire: fields as numbers and slices of the message.

As much of the published encoding as a checkpoint needs. A message is a run of fields; each begins with a varint of its
number and its kind. Nothing is copied and nothing is allocated by a declared length: a length that goes beyond the
message is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mvd.weights.formats.arrays import RefusedError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_LENGTHS = {_FIXED64: 8, _FIXED32: 4}


class Field(NamedTuple):
    """A field of a message.

    Attributes:
        number: which field it is.
        value: an integer from 0 to 2^64 - 1, or bytes.
    """

    number: int
    value: int | memoryview

    def as_bytes(self) -> memoryview:
        """Return the value of a field that must hold bytes.

        Raises:
            RefusedError: it holds a number.
        """
        if isinstance(self.value, int):
            raise RefusedError(f"a number in field {self.number}, where bytes belong")
        return self.value


def fields(message: memoryview) -> Iterator[Field]:
    """Go through the fields of a message, in its order.

    Raises:
        RefusedError: it is no message, or cut off.
    """
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
    """Read an integer of seven bits a byte, the lowest first.

    Returns:
        It, from 0 to 2^64 - 1, and the position after it.

    Raises:
        RefusedError: it is cut off or longer than 64 bits.
    """
    value = 0
    for index in range(10):
        if position + index >= len(message):
            raise RefusedError("the end of the file in the middle of a number")
        byte = message[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value >= 2**64:
                break
            return value, position + index + 1
    raise RefusedError(f"a number of more than 64 bits at byte {position}")


def number_field(number: int, value: int) -> bytes:
    """Encode a field that holds an integer, 0 or more."""
    return _varint(number << 3 | _VARINT) + _varint(value)


def bytes_prefix(number: int, length: int) -> bytes:
    """Encode the beginning of a field that holds `length` bytes, which follow it."""
    return _varint(number << 3 | _BYTES) + _varint(length)


def bytes_field(number: int, value: bytes) -> bytes:
    """Encode a field that holds bytes."""
    return bytes_prefix(number, len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
