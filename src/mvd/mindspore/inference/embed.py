"""Embed pictures with MindSpore, batch by batch.

Shapes: B batch, H × W pixels, N pictures, D width of an embedding, K classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from mindspore import Tensor, nn

from mvd.config import RunConfig, RuntimeConfig
from mvd.data.pictures import Pictures
from mvd.data.prefetch import prefetch
from mvd.mindspore.device import computing, resolve_device
from mvd.mindspore.models.factory import Network
from mvd.mindspore.models.state import initial_network, restore_network
from mvd.mindspore.training.augment import normalise
from mvd.runs import load_checkpoint

_BATCH = 64  # default, if `runtime.embed_batch` is not set


class Embedding(nn.Cell):
    """Embed normalised pictures with a network: (B, 3, H, W) to (B, D)."""

    def __init__(self, network: Network) -> None:
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, images: Tensor) -> Tensor:
        return self.network.embed(images)


def embed(
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    pictures: Pictures,
    *,
    modalities: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Embed pictures with the weights of a run; see `mvd.commands.engine.Engine.embed`."""
    with computing(config.runtime, resolve_device(config.runtime.device)):
        return embed_pictures(Embedding(load_network(config, classes, checkpoint)), config.runtime, pictures)


def load_network(config: RunConfig, classes: int, checkpoint: Path | None) -> Network:
    """Build the network of a run, with the weights of a checkpoint or its initial weights.

    Raises:
        CheckpointError: the weights cannot be read, or do not fit.
    """
    network = initial_network(config, classes)
    if checkpoint is not None:
        restore_network(network, load_checkpoint(checkpoint)[0], checkpoint)
    return network


def embed_pictures(embedding: Embedding, runtime: RuntimeConfig, pictures: Pictures) -> npt.NDArray[np.float32]:
    """Embed pictures. The network is left in eval mode.

    Args:
        embedding: the network with loaded weights.
        runtime: provides the batch size.
        pictures: N pictures.

    Returns:
        (N, D) float32.
    """
    embedding.set_train(False)
    size = min(runtime.embed_batch or _BATCH, max(len(pictures), 1))
    parts = []
    for batch in prefetch(pictures.batches(size)):
        images = normalise(batch)
        # A graph is compiled for each batch size, so pad the last batch.
        filled = np.concatenate([images, np.zeros((size - len(images), *images.shape[1:]), np.float32)])
        parts.append(embedding(Tensor(filled)).asnumpy()[: len(images)])
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 0), np.float32)
