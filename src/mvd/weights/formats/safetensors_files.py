"""safetensors' files, our own checkpoints among them: read and written by their library, which pickles nothing.

The library checks the format: lengths, gaps, tensors that lie over each other. Added here are bfloat16, which it does
not give to NumPy, and a limit on the header, of which it makes objects before anyone has counted them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save_file

from mvd.errors import CheckpointError
from mvd.weights.formats.stored import (
    BFLOAT16,
    Array,
    Arrays,
    RefusedError,
    join_bytes,
    refuse_tensor,
    require_few,
    shown,
)

_LENGTH_BYTES = 8
_LONGEST_HEADER = 2**20

_DTYPES = {
    **{f"I{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"U{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"F{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
    "BF16": BFLOAT16,
    "BOOL": np.dtype("?"),
}


def is_safetensors(data: bytes) -> bool:
    """Tell whether a file begins as the format does: the length of a header, and a brace."""
    return data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and _header_length(data) < 2**32


def decode(data: bytes) -> Arrays:
    """Read the tensors of a file.

    Args:
        data: the file.

    Returns:
        The arrays by name, in alphabetical order; bfloat16 as float32.

    Raises:
        RefusedError: it is damaged, or holds a type that is not read here.
    """
    if _header_length(data) > _LONGEST_HEADER + len(data) // 16:
        raise RefusedError(f"a header of {_header_length(data)} bytes in a file of {len(data)}")
    try:
        tensors = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise RefusedError(f"a header or tensors that are damaged ({shown(str(error))})") from error
    require_few(len(tensors), len(data), "tensors")
    if not tensors:
        raise RefusedError("no tensors", "save the weights again")
    arrays: Arrays = {}
    for name in sorted(tensors):
        tensor = tensors.pop(name)
        if tensor["dtype"] not in _DTYPES:
            refuse_tensor(name, f"is of a type that is not read here, {tensor['dtype']}")
        arrays[name] = join_bytes(name, [memoryview(tensor["data"])], _DTYPES[tensor["dtype"]], tuple(tensor["shape"]))
    return arrays


def encode(arrays: Mapping[str, Array], file: Path, metadata: dict[str, str]) -> None:
    """Write arrays and what is to be known of them.

    Raises:
        CheckpointError: the library refuses them.
    """
    try:
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, file, metadata=metadata)
    except SafetensorError as error:
        raise CheckpointError(f"expected tensors that safetensors can hold, found others ({error})") from error


def _header_length(data: bytes) -> int:
    return int.from_bytes(data[:_LENGTH_BYTES], "little")
