"""Embeddings of pictures, computed in batches by one process or shared by several.

Shapes: B batch, H × W pixels, N pictures, D width of an embedding, K classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mvd import distributed
from mvd.config import RunConfig, RuntimeConfig
from mvd.data.pictures import Pictures
from mvd.data.prefetch import prefetch
from mvd.distributed.group import gather_rows, local_runtime
from mvd.models.factory import Network
from mvd.models.state import initial_network, restore_network
from mvd.runs import load_checkpoint
from mvd.runtime.device import autocast, memory_format, resolve_device
from mvd.runtime.precision import check_precision, numerics
from mvd.training.device_augment import normalise


def embed(
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    pictures: Pictures,
    *,
    modalities: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Embed pictures with the weights of a run; see `mvd.commands.engine.Engine.embed`."""
    runtime = local_runtime(config.runtime)
    device = resolve_device(runtime.device)
    check_precision(runtime, device)
    with numerics(runtime, device):
        network = initial_network(config, classes, device)
        if checkpoint is not None:
            with distributed.agreement():
                tensors = load_checkpoint(checkpoint)[0] if distributed.is_first() else {}
            restore_network(network, distributed.broadcast(tensors), checkpoint)
        return embed_pictures(network, runtime, pictures, modalities)


@torch.inference_mode()
def embed_pictures(
    network: Network,
    runtime: RuntimeConfig,
    pictures: Pictures,
    modalities: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Embed pictures. The network is left in eval mode.

    Processes share the pictures by whole batches, the same ones that a single process would make, so that their number
    changes no figure.

    Args:
        network: on its device.
        runtime: precision, memory format and batch size.
        pictures: N of them.
        modalities: (N,), a `Modality` for each picture in order; only a network with a stem for each needs them.

    Returns:
        (N, D) float32, of all pictures in every process.

    Raises:
        ConfigError: the network needs modalities.
    """
    network.eval()
    device = next(network.parameters()).device
    known = None if modalities is None else torch.tensor(modalities)
    batches = -(-len(pictures) // runtime.embed_batch)
    first, last = (
        number * batches // distributed.count() * runtime.embed_batch
        for number in (distributed.index(), distributed.index() + 1)
    )
    parts: list[torch.Tensor] = []
    done = first
    for batch in prefetch(pictures.batches(runtime.embed_batch, first, last)):
        images = normalise(batch, device, memory_format(runtime))
        with autocast(runtime, device):
            embeddings = network.embed(images, None if known is None else known[done : done + len(batch)])
        parts.append(embeddings.float().cpu())
        done += len(batch)
    return gather_rows(parts).numpy()
