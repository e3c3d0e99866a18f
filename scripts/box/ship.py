"""Writes the model in the box: the program in ONNX with weights in half precision, and its card."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from network import HEIGHT, WIDTH, BoxNetwork, Program

from mvd import __version__
from mvd.files.atomic import replacing
from mvd.inference.export import OPSET
from mvd.inference.onnx_models import OnnxNetwork, annotate, describe_interface

_HALVED_FROM = 256  # numbers; smaller tensors stay in float32
_TOLERANCE = 0.999  # smallest cosine between a descriptor of the program and PyTorch's


def ship(out: Path, network: BoxNetwork, facts: dict[str, Any]) -> None:
    """Write rendered.onnx, rendered.json and rendered.md into a folder.

    Args:
        out: the folder.
        network: what is shipped.
        facts: what the card says about its training and test.

    Raises:
        SystemExit: onnxruntime gives other descriptors than PyTorch.
    """
    network = network.float().eval()
    program = Program(network).eval()
    weights = {name: one.half() for name, one in network.state_dict().items() if "classifier" not in name}
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name].numpy()).tobytes())
    pictures = np.random.default_rng(0).integers(0, 256, (8, HEIGHT, WIDTH, 3), np.uint8)
    with torch.no_grad():
        expected = program(torch.from_numpy(pictures)).numpy()
    with replacing(out / "rendered.onnx") as file:
        export(program, file)
        halve(file)
        card = {"name": "rendered", "fingerprint": digest.hexdigest(), "version": __version__} | facts
        texts = {
            "name": "rendered",
            "fingerprint": card["fingerprint"],
            "use": describe_interface(HEIGHT, WIDTH, inside=True, modalities=False),
            "numbers": "weights fp16, arithmetic fp32",
            "facts": json.dumps(facts),
        }
        annotate(file, texts)
        cosine = float((OnnxNetwork(file).embed([pictures], np.zeros(8, np.int64)) * expected).sum(axis=1).min())
        if not cosine > _TOLERANCE:
            raise SystemExit(f"{file}: expected PyTorch's descriptors, found a cosine of {cosine:.4f} with them")
        card |= {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    with replacing(out / "rendered.json") as file:
        file.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def export(program: Program, file: Path) -> None:
    """Write the program in float32."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            program,
            (torch.zeros(2, HEIGHT, WIDTH, 3, dtype=torch.uint8),),
            str(file),
            input_names=["pictures"],
            output_names=["descriptors"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )


def halve(file: Path) -> None:
    """Keep weights in float16, each cast to float32 when the program is loaded: half the bytes, the same arithmetic."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file))
    casts = []
    for one in model.graph.initializer:
        if one.data_type == TensorProto.FLOAT and np.prod(one.dims) >= _HALVED_FROM:
            name, halved = one.name, numpy_helper.to_array(one).astype(np.float16)
            one.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
