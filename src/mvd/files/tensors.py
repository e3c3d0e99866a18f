"""Writes safetensors files: equal content gives equal bytes, which the library does not promise for metadata.

It also writes to the file that it is given; the library writes to one of its own beside it, which a kill leaves there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_TYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
_ALIGNMENT = 8  # bytes, of the first tensor; types come by descending size, so that each tensor is aligned


def write_tensors(file: Path, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write tensors and text by key as a safetensors file.

    Raises:
        TypeError: a tensor has a type that the format does not have.
        OSError: the file cannot be written.
    """
    arrays = {name: np.asarray(tensor) for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _TYPES:
            raise TypeError(f"{name} is of type {array.dtype.name}")
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name in names:
        begin, end = end, end + arrays[name].nbytes
        kind = _TYPES[arrays[name].dtype.name]
        header[name] = {"dtype": kind, "shape": list(arrays[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // _ALIGNMENT) * _ALIGNMENT)
    with file.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = arrays[name]
            ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
            handle.write(ordered.view(np.uint8).data)
