"""Convert ONNX models to float16 or int8, annotate them, and prepare their inputs, without PyTorch.

The required packages are optional: `pip install 'mvd[onnx]'`. `onnx_network` runs ONNX models, `onnx_metadata` reads
their metadata.

Shapes: B batch, H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.data.images import MEAN, STD
from mvd.errors import MissingPackageError
from mvd.files.names import is_utf8

if TYPE_CHECKING:
    import onnx

Pictures: TypeAlias = Iterable[npt.NDArray[np.uint8]]
Inputs: TypeAlias = dict[str, npt.NDArray[Any]]

# Cheap operators that need more precision or range than float16 has: pre-processing, norms, powers.
_IN_FLOAT32 = ("Sub", "Mul", "Div", "Pow", "ReduceL2", "ReduceMean", "ReduceSum", "Clip")
_IN_INT8 = ("Conv", "Gemm", "MatMul")
_AT_A_TIME = 4


def require_onnx(*packages: str) -> None:
    """Check that optional packages are installed.

    Raises:
        MissingPackageError: a package is missing; the message names the extra that installs it.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            extra = "search" if packages == ("onnxruntime",) else "onnx"
            raise MissingPackageError(
                f"expected the package {package} for ONNX, found none; install it: pip install 'mvd[{extra}]'"
            )


def make_inputs(names: Sequence[str], pictures: Pictures, modalities: npt.NDArray[np.int64]) -> Iterator[Inputs]:
    """Yield the inputs of an ONNX model with the given names, batch by batch."""
    done = 0
    for batch in pictures:
        given: Inputs = {"images": normalise(batch)} if "images" in names else {"pictures": batch}
        if "modalities" in names:
            given["modalities"] = np.asarray(modalities[done : done + len(batch)], np.int64)
        yield given
        done += len(batch)


def normalise(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Normalise pictures (B, H, W, 3) uint8 by ImageNet's mean and standard deviation to (B, 3, H, W) float32.

    >>> normalise(np.zeros((2, 4, 3, 3), np.uint8)).shape
    (2, 3, 4, 3)
    """
    mean, std = (np.array(one, np.float32) * 255 for one in (MEAN, STD))
    return np.ascontiguousarray(((pictures - mean) / std).transpose(0, 3, 1, 2))


def annotate(file: Path, metadata: Mapping[str, str]) -> None:
    """Replace an ONNX file's metadata, and remove the exporter's notes, which contain local paths and source lines."""
    import onnx

    model = onnx.load(str(file))
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    for given in (*model.graph.input, *model.graph.output):
        del given.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata))
    model.producer_name = "mvd"
    onnx.save(model, str(file))


def to_float16(source: Path, file: Path) -> None:
    """Convert an ONNX model to float16 weights and mostly float16 operators; inputs and outputs keep their types."""
    import onnx
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    blocked = [*DEFAULT_OP_BLOCK_LIST, *_IN_FLOAT32]
    with _quietly():
        model = convert_float_to_float16(onnx.load(str(source)), keep_io_types=True, op_block_list=blocked)
        _drop_repeated_casts(model.graph)
        onnx.save(model, str(file))


def _drop_repeated_casts(graph: onnx.GraphProto) -> None:
    """Keep one of several equal casts: onnxruntime before 1.32 adds one for each reader of a value, all of one name."""
    nodes = {tuple(node.output): node for node in reversed(graph.node)}
    kept = [node for node in graph.node if nodes[tuple(node.output)] is node]
    del graph.node[:]
    graph.node.extend(kept)
    infos = {info.name: info for info in graph.value_info}
    del graph.value_info[:]
    graph.value_info.extend(infos.values())


def to_int8(source: Path, file: Path, pictures: Pictures, modalities: npt.NDArray[np.int64]) -> None:
    """Quantise convolutions and matrix products of an ONNX model to int8, calibrated on pictures.

    Weights have per-channel scales, activations per-tensor scales.

    Args:
        source: the float32 model.
        file: output file.
        pictures: batches (B, H, W, 3) uint8 for the calibration.
        modalities: (N,) a `Modality` for each picture.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    names = [one.name for one in onnx.load(str(source)).graph.input]
    # Calibration keeps every activation, so large batches would take tens of GB.
    few = (batch[start : start + _AT_A_TIME] for batch in pictures for start in range(0, len(batch), _AT_A_TIME))
    inputs = make_inputs(names, few, modalities)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Inputs | None:
            return next(inputs, None)

    # onnxruntime accepts only file names in UTF-8.
    place = file.parent if is_utf8(str(file.parent)) else None
    with tempfile.TemporaryDirectory(dir=place) as folder, _quietly():
        whole, prepared, done = (Path(folder) / f"{name}.onnx" for name in ("whole", "prepared", "done"))
        shutil.copyfile(source, whole)
        quant_pre_process(str(whole), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(done),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(_IN_INT8),
        )
        shutil.move(done, file)


def describe_interface(height: int, width: int, *, inside: bool, modalities: bool) -> str:
    """Describe the inputs and outputs of an exported model as JSON, for its metadata."""
    pixels = "RGB, resized to this size (Pillow: convert('RGB'), Lanczos), infrared pictures as three equal channels"
    if inside:
        inputs = {"pictures": {"type": "uint8", "shape": ["batch", height, width, 3], "values": f"0 to 255, {pixels}"}}
    else:
        values = f"(pixel / 255 - mean) / std, with mean {list(MEAN)} and std {list(STD)}; {pixels}"
        inputs = {"images": {"type": "float32", "shape": ["batch", 3, height, width], "values": values}}
    if modalities:
        inputs["modalities"] = {"type": "int64", "shape": ["batch"], "values": "0 visible, 1 infrared"}
    compared = "by cosine: the largest inner product is the nearest"
    outputs = {"descriptors": {"type": "float32", "shape": ["batch", "width"], "compared": compared}}
    return json.dumps({"inputs": inputs, "outputs": outputs, "grey": "made inside, where the network needs it"})


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence the converters' log messages about unchanged tensors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
