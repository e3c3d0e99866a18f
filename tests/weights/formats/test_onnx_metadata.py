"""What ONNX files say of themselves, read by hand, against what the library wrote; damaged ones are refused."""

from __future__ import annotations

import contextlib
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvd.errors import CheckpointError
from mvd.weights.formats.onnx_metadata import decode, read_onnx
from mvd.weights.formats.stored import RefusedError


def model(metadata: dict[str, str], *, opset: int = 18) -> bytes:
    one = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])
    two = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 3])
    weight = onnx.numpy_helper.from_array(np.ones(3, np.float32), "w")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "w"], ["y"])], "main", [one], [two], [weight])
    imports = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid("com.microsoft", 1)]
    made = onnx.helper.make_model(graph, opset_imports=imports)
    onnx.helper.set_model_props(made, metadata)
    return bytes(made.SerializeToString())


FILE = model({"card": '{"größe": 1}', "empty": ""})


def test_metadata_and_opset_are_those_that_were_written(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(FILE)
    assert read_onnx(tmp_path / "a.onnx") == (18, {"card": '{"größe": 1}', "empty": ""})
    assert decode(model({}, opset=21)) == (21, {})


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"", "begins with the bytes"), (b"PK\x03\x04", "50 4b 03 04"), (b"\x08\x0a", "0 graphs"), (FILE[:-3], "found ")],
)
def test_other_files_are_one_line(tmp_path: Path, data: bytes, found: str) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"a\.onnx: expected an ONNX file, found") as caught:
        read_onnx(tmp_path / "a.onnx")
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="could not read it"):
        read_onnx(tmp_path / "none.onnx")


def test_a_number_in_the_place_of_a_domain_allocates_nothing() -> None:
    opset = b"\x08" + b"\xff" * 8 + b"\x7f"
    data = b"\x08\x0a\x3a\x00\x42" + bytes([len(opset)]) + opset
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@given(st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    with contextlib.suppress(RefusedError):
        assert sum(map(len, decode(bytes(content)).metadata.values())) <= len(content)
