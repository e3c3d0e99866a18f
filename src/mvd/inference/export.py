"""Export a network to ONNX, as a model that maps pictures to descriptors.

This uses PyTorch's exporter based on `torch.export`. The older exporter, based on TorchScript, is deprecated and turns
shared weights into chains of Identity nodes. Like the network, the exported model computes the grey pictures of the
infrared passes itself.

Shapes: B batch, H × W pixels, D width of a descriptor.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from mvd.config import RunConfig
from mvd.data.images import Preprocessing
from mvd.inference.onnx_models import require_onnx
from mvd.metrics.projection import Projection
from mvd.models.factory import Network
from mvd.models.state import initial_network, restore_network
from mvd.runs import load_checkpoint
from mvd.runtime.defaults import torch_defaults
from mvd.training.device_augment import normalise_tensor

OPSET = 18
"""ONNX opset version; supported by onnxruntime since 1.14 (2023)."""


class _Program(nn.Module):
    """The module to export: optional pre-processing, the network, and the projection, if there is one."""

    def __init__(self, network: Network, preprocessing: Preprocessing, projection: Projection | None) -> None:
        super().__init__()
        self.network = network
        self.preprocessing = preprocessing
        self.mean = None if projection is None else nn.Buffer(torch.from_numpy(projection.mean))
        self.matrix = None if projection is None else nn.Buffer(torch.from_numpy(projection.matrix))

    def forward(self, pictures: Tensor, modalities: Tensor | None = None) -> Tensor:
        images = normalise_tensor(pictures.float()) if self.preprocessing == "inside" else pictures
        embeddings = self.network.embed(images, modalities)
        if self.mean is None or self.matrix is None:
            return embeddings
        return functional.normalize((functional.normalize(embeddings) - self.mean) @ self.matrix)


@torch_defaults()
def export(
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    file: Path,
    *,
    preprocessing: Preprocessing,
    projection: Projection | None = None,
) -> None:
    """Write an ONNX file; see `mvd.commands.engine.Engine.export`."""
    require_onnx("onnx", "onnxscript")
    network = initial_network(config, classes, torch.device("cpu"))
    if checkpoint is not None:
        restore_network(network, load_checkpoint(checkpoint)[0], checkpoint)
    height, width = config.data.height, config.data.width
    # Two pictures: the exporter treats a size of 1 as a constant.
    if preprocessing == "inside":
        example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    else:
        example = torch.zeros(2, 3, height, width)
    inputs = {"pictures" if preprocessing == "inside" else "images": example}
    if config.model.stems == "specific":
        inputs["modalities"] = torch.tensor([0, 1])
    batch = {0: torch.export.Dim("batch")}
    with _quietly():
        torch.onnx.export(
            _Program(network, preprocessing, projection).eval(),
            tuple(inputs.values()),
            str(file),
            input_names=list(inputs),
            output_names=["descriptors"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=tuple(batch for _ in inputs),
            external_data=False,
            verbose=False,
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence the exporter's messages about optional packages and its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
