"""Read a cell array of cell arrays of matrices from an untrusted MATLAB file of level 5.

SciPy's reader is compiled code, which a damaged file can crash (SIGSEGV), and with it a run that trained for days. This
reader only supports the structure of SYSU-MM01's galleries, and checks every length.

A file is a header of 128 bytes followed by elements; an element is a type, a length, and data. A variable is an element
of type matrix, plain or compressed, and contains elements: flags, dimensions, name, then numbers, or a matrix for each
cell.
"""

from __future__ import annotations

import zlib
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL = 1
_NUMBERS = range(6, 16)  # array classes of numbers
_COMPLEX = 0x800
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_DEEPEST = 2  # cells in cells
_LARGEST = 1 << 28  # bytes of a variable; SYSU-MM01's has 2 MB


class DamagedFileError(ValueError):
    """The file is damaged, or is not a MATLAB file of level 5."""


def read_cell(data: bytes, name: str) -> npt.NDArray[Any] | None:
    """Read a variable that is a matrix of numbers, a cell array of matrices, or a cell array of such cell arrays.

    Args:
        data: content of the file.
        name: name of the variable.

    Returns:
        The array of numbers, or an object array of such arrays; None if there is no such variable.

    Raises:
        DamagedFileError: the file is damaged or of another level, or the variable has another type.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[_HEADER - 2 : _HEADER])
    if order is None:
        raise DamagedFileError("no header of level 5")
    file = _Elements(memoryview(data)[_HEADER:], order)
    while file.left:
        kind, content = file.next()
        if kind == _COMPRESSED:
            kind, content = _Elements(_decompress(content), order).next()
        if kind == _MATRIX and (found := _variable(content, order, name)) is not None:
            return found
    return None


class _Elements:
    """Iterates over the elements in a part of a file."""

    def __init__(self, data: memoryview, order: str) -> None:
        self.left = data
        self.order = order

    def next(self) -> tuple[int, memoryview]:
        """Return type and data of the next element."""
        kind, length = self.numbers(self._take(8), "u4")
        if kind >> 16:  # a small element: type and length in four bytes, and its data in the other four
            if kind >> 16 > 4:
                raise DamagedFileError("a small element that is too long")
            tag = np.array([length], f"{self.order}u4").tobytes()
            return int(kind & 0xFFFF), memoryview(tag)[: int(kind >> 16)]
        content = self._take(int(length))
        if kind != _COMPRESSED:
            self.left = self.left[-int(length) % 8 :]
        return int(kind), content

    def values(self) -> npt.NDArray[Any]:
        """Return the next element as numbers."""
        kind, content = self.next()
        if kind not in _TYPES:
            raise DamagedFileError(f"an element of type {kind} instead of numbers")
        return self.numbers(content, _TYPES[kind])

    def numbers(self, content: memoryview, kind: str) -> npt.NDArray[Any]:
        if len(content) % int(kind[1]):
            raise DamagedFileError("half a number")
        return np.frombuffer(content, f"{self.order}{kind}")

    def _take(self, length: int) -> memoryview:
        if length > len(self.left):
            raise DamagedFileError(f"{len(self.left)} bytes where {length} are due")
        taken, self.left = self.left[:length], self.left[length:]
        return taken


def _variable(content: memoryview, order: str, name: str) -> npt.NDArray[Any] | None:
    elements = _Elements(content, order)
    for _ in range(2):
        elements.next()
    return _matrix(content, order, _DEEPEST) if bytes(elements.next()[1]) == name.encode() else None


def _matrix(content: memoryview, order: str, depth: int) -> npt.NDArray[Any]:
    if not content:  # MATLAB's empty matrix
        return np.empty((0, 0))
    elements = _Elements(content, order)
    flags, lengths = elements.values(), elements.values()
    elements.next()  # the name
    if {flags.dtype.kind, lengths.dtype.kind} - {"i", "u"} or (len(flags), len(lengths)) != (2, 2):
        raise DamagedFileError("a matrix without flags or two dimensions")
    shape = tuple(lengths.tolist())
    if not 0 <= min(shape) <= max(shape) <= _LARGEST:
        raise DamagedFileError(f"a matrix of {' × '.join(map(str, shape))}")
    kind, count = int(flags[0]) & 0xFF, prod(shape)
    if kind in _NUMBERS and not int(flags[0]) & _COMPLEX:
        numbers = elements.values()
        if len(numbers) != count:
            raise DamagedFileError(f"{len(numbers)} numbers in a matrix of {' × '.join(map(str, shape))}")
        return numbers.reshape(shape, order="F")
    if kind != _CELL or not depth:
        raise DamagedFileError(f"an array of MATLAB's class {kind}")
    if count > len(elements.left) // 8:
        raise DamagedFileError(f"{len(elements.left)} bytes for {count} cells")
    cells = np.empty(count, dtype=object)
    for place in range(count):
        found, inside = elements.next()
        if found != _MATRIX:
            raise DamagedFileError(f"an element of type {found} in a cell")
        cells[place] = _matrix(inside, order, depth - 1)
    return cells.reshape(shape, order="F")


def _decompress(content: memoryview) -> memoryview:
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(content, _LARGEST)
    except zlib.error as error:
        raise DamagedFileError(str(error)) from error
    if not reader.eof:
        raise DamagedFileError(
            "compressed data that do not end" if len(data) < _LARGEST else "a variable that is too large"
        )
    return memoryview(data)
