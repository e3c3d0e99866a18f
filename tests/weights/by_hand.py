"""Handmade PyTorch files: those that `torch.save` writes, and those that it never would."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import torch

_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
_FLOATS = b"ctorch\nFloatStorage\n"


def saved(value: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def archive(records: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, record in records.items():
            file.writestr(f"a/{name}", record)
    return buffer.getvalue()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    encoded = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def tensor_pickle(shape: tuple[int, ...], strides: tuple[int, ...], *, offset: int = 0, count: int = 4) -> bytes:
    """Pickle {"a": a float32 tensor in storage 0} by hand, whatever it says."""
    storage = b"(" + text("storage") + _FLOATS + text("0") + text("cpu") + integer(count) + b"tQ"
    sizes = b"(" + b"".join(map(integer, shape)) + b"t"
    steps = b"(" + b"".join(map(integer, strides)) + b"t"
    return b"\x80\x02}" + text("a") + _TENSOR + b"(" + storage + integer(offset) + sizes + steps + b"\x89}tRs."


def tensor_file(shape: tuple[int, ...], strides: tuple[int, ...], *, offset: int = 0, count: int = 4) -> bytes:
    return archive({"data.pkl": tensor_pickle(shape, strides, offset=offset, count=count), "data/0": bytes(16)})
