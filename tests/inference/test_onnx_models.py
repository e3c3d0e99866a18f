"""Metadata of ONNX programs, by the library; conversion to float16."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.transformers import float16

from mvd.errors import CheckpointError
from mvd.inference.onnx_metadata import read_metadata
from mvd.inference.onnx_models import to_float16


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


def test_a_value_that_several_readers_want_in_float32_is_cast_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3])
    two = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 3])
    weight = onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["a"], "product"),
        onnx.helper.make_node("Mul", ["a", "a"], ["b"], "square"),
        onnx.helper.make_node("Sub", ["a", "b"], ["y"], "rest"),
    ]
    middle = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", 3]) for name in "ab"]
    graph = onnx.helper.make_graph(nodes, "main", [one], [two], [weight], value_info=middle)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(made, str(tmp_path / "net.onnx"))

    def as_before(*given: Any, **options: Any) -> onnx.ModelProto:
        model: onnx.ModelProto = convert(*given, **options)
        for node in [node for node in model.graph.node if node.op_type == "Cast"]:
            model.graph.node.append(node)
        model.graph.value_info.extend(list(model.graph.value_info))
        return model

    convert = float16.convert_float_to_float16
    monkeypatch.setattr(float16, "convert_float_to_float16", as_before)
    to_float16(tmp_path / "net.onnx", tmp_path / "half.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "half.onnx"))
    x = np.array([[1, 2, 3]], np.float32)
    assert session.run(None, {"x": x})[0] == pytest.approx(x - x**2)
