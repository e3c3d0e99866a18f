"""What the readers of this room share: refusals, limits, and stored bytes that become arrays.

A file comes from anywhere, so it is believed in nothing. A reader learns what a file declares, compares it with what
the file holds, and allocates afterwards; what is declared takes up no memory. Numbers of things are limited besides,
since a short record can stand for a long object: a file may hold `MOST_THINGS` tensors and one more for each KiB. With
that, reading allocates less than four times the file, beside a few MB for files made to be awkward. No limit is near
what a network needs.

Inside the room a reader raises `RefusedError`; `mvd.weights.formats.files` makes it a CheckpointError that names the
file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = dict[str, Array]
Shape: TypeAlias = tuple[int, ...]

MOST_THINGS = 4096
MOST_DIMENSIONS = 32
"""What NumPy 1 has; a convolution's weight has 4."""

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""Stands for a type that NumPy has not: the upper half of a float32."""

_AGAIN = "the file is damaged or incomplete: copy or download it again"


class RefusedError(Exception):
    """A file is not read.

    Args:
        found: what was found in it.
        advice: what to do about it.
    """

    def __init__(self, found: str, advice: str = _AGAIN) -> None:
        super().__init__(found)
        self.found = found
        self.advice = advice


def refuse_tensor(name: str, problem: str) -> NoReturn:
    """Refuse a file for one of its tensors."""
    raise RefusedError(f"the tensor {shown(name)} {problem}")


def shown(text: str) -> str:
    """Quote text from a file on one line, shortened."""
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")


def require_few(number: int, size: int, what: str) -> None:
    """Refuse more things than a file of `size` bytes can mean seriously."""
    limit = MOST_THINGS + size // 1024
    if number > limit:
        raise RefusedError(f"more than {limit} {what} in {size} bytes")


def count_elements(name: str, shape: Sequence[object]) -> int:
    """Count the elements of a declared shape, whatever it is made of.

    Raises:
        RefusedError: it is no shape, or none that NumPy can have.
    """
    if len(shape) > MOST_DIMENSIONS:
        refuse_tensor(name, f"has {len(shape)} dimensions")
    sizes = [n for n in shape if type(n) is int and 0 <= n < 2**48]
    # A tensor without elements can still be too large for NumPy.
    if len(sizes) < len(shape) or math.prod(max(n, 1) for n in sizes) >= 2**48:
        refuse_tensor(name, "has a shape that no tensor can have")
    return math.prod(sizes)


def join_bytes(name: str, pieces: Sequence[memoryview], dtype: np.dtype[Any], shape: Shape) -> Array:
    """Make an array of the bytes that a file holds of it, in C order.

    Args:
        name: the tensor's.
        pieces: its bytes, in order.
        dtype: little-endian, or `BFLOAT16`.
        shape: as declared.

    Returns:
        An array that can be written to; float32 for bfloat16.

    Raises:
        RefusedError: there are not as many bytes as the shape needs.
    """
    needed = count_elements(name, shape) * dtype.itemsize
    found = sum(len(piece) for piece in pieces)
    if found != needed:
        refuse_tensor(name, f"has {found} bytes where its shape needs {needed}")
    content = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
    return take(name, np.frombuffer(content, dtype).reshape(shape) if needed else np.zeros(shape, dtype))


def take(name: str, stored: Array) -> Array:
    """Copy numbers out of a file, as NumPy computes with them: bfloat16 as float32.

    Args:
        name: the tensor's.
        stored: a view of the file's bytes, of any strides.

    Returns:
        An array in C order that can be written to.

    Raises:
        RefusedError: truth values are not 0 and 1.
    """
    if stored.dtype == BFLOAT16:
        widened = stored.view("<u2").astype("<u4", order="C")
        widened <<= 16
        return widened.view("<f4")
    if stored.dtype == np.bool_ and (stored.view(np.uint8) > 1).any():
        refuse_tensor(name, "has truth values other than 0 and 1")
    return stored.copy(order="C")
