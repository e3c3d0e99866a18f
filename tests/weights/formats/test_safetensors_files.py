"""safetensors' files: those of its own library, and headers that lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as save_torch
from weights.helpers import Refusal, assert_same, by_finding

from mvd.weights import read_weights, write_weights
from mvd.weights.formats.safetensors_files import decode


def built(fields: dict[str, Any] | bytes, body: bytes = bytes(8)) -> bytes:
    header = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return len(header).to_bytes(8, "little") + header + body


def tensor(begin: int = 0, end: int = 8, shape: tuple[int, ...] = (2,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def test_types_are_read_as_their_library_wrote_them() -> None:
    numbers = torch.arange(6.0).reshape(2, 3)
    dtypes = [torch.float64, torch.float32, torch.float16, torch.int8, torch.int16, torch.int32, torch.int64]
    state = {
        str(dtype): numbers.to(dtype) for dtype in [*dtypes, torch.uint8, torch.uint16, torch.uint32, torch.uint64]
    }
    state |= {"bool": numbers > 2, "scalar": torch.tensor(5), "none": torch.zeros(0, 3)}
    half = (numbers / 3).bfloat16()
    expected = {name: value.numpy() for name, value in state.items()} | {"bf16": half.float().numpy()}
    assert_same(decode(save_torch(state | {"bf16": half})), dict(sorted(expected.items())))


def test_what_is_written_is_read_with_its_metadata(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(3)}
    write_weights(file, arrays, "safetensors", metadata={"mvd": "{}"})
    assert_same(read_weights(file).tensors, arrays)
    with safe_open(file, framework="numpy") as archive:
        assert archive.metadata() == {"mvd": "{}"}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (built({"a": tensor(0, 16, (4,))}), "a header or tensors that are damaged"),
        (built({"a": tensor(0, 8, (2**62, 2**62))}), "a header or tensors that are damaged"),
        (built({"a": tensor(), "b": tensor()}), "a header or tensors that are damaged"),
        (built({"a": tensor(), "b": tensor(4, 8, (1,))}), "a header or tensors that are damaged"),
        (built({"a": tensor(4, 8, (1,))}), "a header or tensors that are damaged"),
        (built({"a": tensor(8, 0)}), "a header or tensors that are damaged"),
        (built({"a": tensor(dtype="F12")}), "a header or tensors that are damaged"),
        (built({"a": tensor(dtype="C64", shape=(1,))}), "is of a type that is not read here, C64"),
        (built({"a": tensor(shape=(8,), dtype="BOOL")}, b"\x07" * 8), "truth values other than 0 and 1"),
        (built({"a": tensor(shape=(1,) * 40 + (2,))}), "41 dimensions"),
        (built(b"{", b"")[:9], "a header or tensors that are damaged"),
        (built(b'{"a":' * 10_000), "a header or tensors that are damaged"),
        (built({"__metadata__": {}}, b""), "no tensors"),
        ((10**6).to_bytes(8, "little") + b"{}", "a header or tensors that are damaged"),
        ((2**31).to_bytes(8, "little") + b"{}", "a header of 2147483648 bytes in a file of 10"),
        (built(b"{" + b" " * 2**21 + b"}"), "a header of 2097154 bytes in a file of"),
        (built({f"{n}": tensor(n, n + 1, (1,), "U8") for n in range(6000)}, bytes(6000)), "more than"),
        (built({"line\nbreak" * 100: tensor(0, 9)}), "a header or tensors that are damaged"),
    ],
    ids=by_finding,
)
def test_headers_that_lie_are_refused(refusal: Refusal, data: bytes, found: str) -> None:
    assert found in refusal(data)


def test_files_that_are_cut_off_are_refused(refusal: Refusal) -> None:
    data = save_torch({"a": torch.ones(5), "b": torch.ones(2, 2)})
    for length in range(len(data)):
        refusal(data[:length])
