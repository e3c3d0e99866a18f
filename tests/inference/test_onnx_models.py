"""Metadata of ONNX programs, by the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mvd.errors import CheckpointError
from mvd.inference.onnx_metadata import read_metadata


def program(metadata: dict[str, str], *, opset: int = 18) -> bytes:
    one = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])
    two = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 3])
    weight = onnx.numpy_helper.from_array(np.ones(3, np.float32), "w")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "w"], ["y"])], "main", [one], [two], [weight])
    imports = [onnx.helper.make_opsetid("com.microsoft", 1), onnx.helper.make_opsetid("", opset)]
    made = onnx.helper.make_model(graph, opset_imports=imports)
    onnx.helper.set_model_props(made, metadata)
    return bytes(made.SerializeToString())


def test_metadata_and_opset_are_those_that_were_written(tmp_path: Path) -> None:
    file = tmp_path / "named as text.txtpb"
    file.write_bytes(program({"card": '{"größe": 1}', "empty": ""}, opset=21))
    assert read_metadata(file) == (21, {"card": '{"größe": 1}', "empty": ""})


@pytest.mark.parametrize(
    ("data", "found"),
    [(b"", "found none in it"), (b"PK\x03\x04", "could not read it"), (program({})[:-3], "could not read it")],
)
def test_other_files_are_one_line(tmp_path: Path, data: bytes, found: str) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"a\.onnx: expected an ONNX model, {found}") as caught:
        read_metadata(tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match=r"could not read it \(No such file"):
        read_metadata(tmp_path / "none.onnx")
