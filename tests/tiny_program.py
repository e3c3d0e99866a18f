"""A handmade program in the format of `mvd export`: a matrix product over all pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mvd.inference.onnx_models import describe_interface

SIZE = (8, 4)
WIDTH = 16


def write_program(file: Path, *, modalities: bool = False, seed: int = 0, **texts: str) -> Path:
    """Write a program from pictures (B, 8, 4, 3) to embeddings (B, 16), with texts in its metadata."""
    height, width = SIZE
    matrix = np.random.default_rng(seed).normal(size=(height * width * 3, WIDTH)).astype(np.float32)
    inputs = [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["batch", height, width, 3])]
    if modalities:
        inputs.append(helper.make_tensor_value_info("modalities", TensorProto.INT64, ["batch"]))
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["rows"]),
        helper.make_node("MatMul", ["rows", "matrix"], ["descriptors"]),
    ]
    output = helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["batch", WIDTH])
    graph = helper.make_graph(nodes, "main", inputs, [output], [numpy_helper.from_array(matrix, "matrix")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    use = describe_interface(height, width, inside=True, modalities=modalities)
    helper.set_model_props(model, {"use": use, "fingerprint": f"{seed:064d}", "name": "tiny", **texts})
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(file))
    return file
