"""The room for weights of other frameworks: files in and out, and names. numpy only; PyTorch to write its own format.

`files` tells a format by what is in a file and reads it (`mindspore_ckpt` on `protobuf`, `torch_files` on
`torch_archive` and `pickles`, `safetensors_files`, all on `stored`), `names` knows who calls a tensor what, `encoders`
and `networks` what a network consists of, `load` puts it together. `onnx_models` runs and shrinks exported programs,
with packages that are optional; `onnx_metadata` reads without them what they say of themselves.
"""

from mvd.weights.formats.files import Kind, Weights, read_weights, write_weights
from mvd.weights.load import Target, convert, count_classes, load_pretrained, load_whole
from mvd.weights.names import Renamed, Report, match, recognise

__all__ = [
    "Kind",
    "Renamed",
    "Report",
    "Target",
    "Weights",
    "convert",
    "count_classes",
    "load_pretrained",
    "load_whole",
    "match",
    "read_weights",
    "recognise",
    "write_weights",
]
