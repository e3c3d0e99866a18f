"""Build arrays from the bytes of untrusted files: array types, limits, and the error for a file that is refused.

This folder has its own readers because those of the frameworks execute code from a file, or allocate the sizes that it
declares. These readers compare the declared sizes with the file before they allocate, and allocate less than four times
its size. The number of tensors is limited too, since a short record can represent a large object: `MOST_THINGS`, and
one more for each KiB, far more than a network has.

Readers raise `RefusedError`; `mvd.weights.formats.files` converts it to a CheckpointError that names the file.
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
"""The limit of NumPy 1; the weight of a convolution has 4 dimensions."""

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""Placeholder for bfloat16, the upper half of a float32, which NumPy does not have."""

DTYPES = {
    **{f"I{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"F{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
    "BF16": BFLOAT16,
    "BOOL": np.dtype("?"),
}
"""Types of weights, by their names in safetensors."""

_AGAIN = "the file is damaged or incomplete: copy or download it again"


class RefusedError(Exception):
    """A file was refused.

    Args:
        found: what was found in the file.
        advice: the remedy.
    """

    def __init__(self, found: str, advice: str = _AGAIN) -> None:
        super().__init__(found)
        self.found = found
        self.advice = advice


def refuse_tensor(name: str, problem: str) -> NoReturn:
    """Refuse a file because of one of its tensors."""
    raise RefusedError(f"the tensor {quote(name)} {problem}")


def quote(text: str) -> str:
    """Quote text from a file on one line, shortened."""
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")


def require_few(number: int, size: int, what: str) -> None:
    """Refuse a file of `size` bytes that declares more objects than any network has."""
    limit = MOST_THINGS + size // 1024
    if number > limit:
        raise RefusedError(f"more than {limit} {what} in {size} bytes")


def count_elements(name: str, shape: Sequence[object]) -> int:
    """Count the elements of a declared shape; refuse a shape that NumPy does not support."""
    if len(shape) > MOST_DIMENSIONS:
        refuse_tensor(name, f"has {len(shape)} dimensions")
    sizes = [n for n in shape if type(n) is int and 0 <= n < 2**48]
    # A tensor without elements can still be too large for NumPy.
    if len(sizes) < len(shape) or math.prod(max(n, 1) for n in sizes) >= 2**48:
        refuse_tensor(name, "has a shape that no tensor can have")
    return math.prod(sizes)


def join_bytes(name: str, pieces: Sequence[memoryview], dtype: np.dtype[Any], shape: Shape) -> Array:
    """Build an array from the bytes of a tensor, in C order.

    Args:
        name: name of the tensor.
        pieces: its bytes, in order.
        dtype: little-endian type, or `BFLOAT16`.
        shape: the declared shape.

    Returns:
        A writable array; float32 for bfloat16.

    Raises:
        RefusedError: the number of bytes does not match the shape.
    """
    needed = count_elements(name, shape) * dtype.itemsize
    found = sum(len(piece) for piece in pieces)
    if found != needed:
        refuse_tensor(name, f"has {found} bytes where its shape needs {needed}")
    content = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
    return copy_out(name, np.frombuffer(content, dtype).reshape(shape) if needed else np.zeros(shape, dtype))


def copy_out(name: str, view: Array) -> Array:
    """Copy a view of a file's bytes, with any strides, to a writable array in C order; bfloat16 becomes float32.

    Raises:
        RefusedError: a boolean is neither 0 nor 1.
    """
    if view.dtype == BFLOAT16:
        widened = view.view("<u2").astype("<u4", order="C")
        widened <<= 16
        return widened.view("<f4")
    if view.dtype == np.bool_ and (view.view(np.uint8) > 1).any():
        refuse_tensor(name, "has truth values other than 0 and 1")
    return view.copy(order="C")
