"""Read and write safetensors files, including checkpoints of mvd, with the safetensors library.

The library checks lengths, gaps and overlaps. This module adds bfloat16, which the library does not convert to NumPy,
and a limit on the header, which the library parses into objects without counting them first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, deserialize

from mvd.errors import CheckpointError
from mvd.files.tensors import write_tensors
from mvd.weights.formats.arrays import (
    DTYPES,
    Array,
    Arrays,
    RefusedError,
    join_bytes,
    quote,
    refuse_tensor,
    require_few,
)

_LENGTH_BYTES = 8
_LONGEST_HEADER = 2**20


def is_safetensors(data: bytes) -> bool:
    """Return whether a file starts like a safetensors file: with the length of a header, and a brace."""
    return data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{" and _header_length(data) < 2**32


def decode(data: bytes) -> Arrays:
    """Read the tensors of a file.

    Args:
        data: the file.

    Returns:
        Arrays by name, in alphabetical order; bfloat16 as float32.

    Raises:
        RefusedError: the file is damaged, or contains an unsupported type.
    """
    if _header_length(data) > _LONGEST_HEADER + len(data) // 16:
        raise RefusedError(f"a header of {_header_length(data)} bytes in a file of {len(data)}")
    try:
        tensors = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise RefusedError(f"a header or tensors that are damaged ({quote(str(error))})") from error
    require_few(len(tensors), len(data), "tensors")
    if not tensors:
        raise RefusedError("no tensors", "save the weights again")
    arrays: Arrays = {}
    for name in sorted(tensors):
        tensor = tensors.pop(name)
        if tensor["dtype"] not in DTYPES:
            refuse_tensor(name, f"is of a type that is not read here, {tensor['dtype']}")
        arrays[name] = join_bytes(name, [memoryview(tensor["data"])], DTYPES[tensor["dtype"]], tuple(tensor["shape"]))
    return arrays


def encode(arrays: Mapping[str, Array], file: Path, metadata: dict[str, str]) -> None:
    """Write arrays and metadata to a safetensors file.

    Raises:
        CheckpointError: the format does not support the type of an array.
    """
    try:
        write_tensors(file, arrays, metadata)
    except TypeError as error:
        raise CheckpointError(f"expected tensors that safetensors can hold, found others ({error})") from error


def _header_length(data: bytes) -> int:
    return int.from_bytes(data[:_LENGTH_BYTES], "little")
