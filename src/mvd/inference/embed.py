"""Embed pictures with a network: batched, decoded ahead, and shared by the processes of a launch.

`Embedder` (embedder.py) is built on it; validation and evaluation call it directly.

Shapes: N pictures, D width of a descriptor.
"""

from __future__ import annotations

import torch

from mvd.config import RuntimeConfig
from mvd.data.sources import Pictures
from mvd.distributed.process_group import gather_rows
from mvd.engine import ALONE, Descriptors, Modalities, Share
from mvd.models.factory import Network
from mvd.runtime.device import autocast, memory_format
from mvd.training.batches import prefetch
from mvd.training.device_augment import normalise


@torch.inference_mode()
def embed(
    network: Network,
    runtime: RuntimeConfig,
    pictures: Pictures,
    modalities: Modalities | None = None,
    *,
    share: Share = ALONE,
) -> Descriptors:
    """Compute the descriptors of pictures. The network is in eval mode afterwards.

    Args:
        network: on its device.
        runtime: precision, memory layout, and pictures in a batch.
        pictures: N of them.
        modalities: (N,), a `Modality` each, in order; only a network with a stem for each modality needs them.
        share: the processes that share the pictures. Each takes whole batches, the same as one process would make, so
            their number does not change the result.

    Returns:
        (N, D) float32, of all pictures in every process.

    Raises:
        ConfigError: the network needs modalities.
    """
    network.eval()
    device = next(network.parameters()).device
    known = None if modalities is None else torch.tensor(modalities)
    batches = -(-len(pictures) // runtime.embed_batch)
    first, last = (number * batches // share.count * runtime.embed_batch for number in (share.index, share.index + 1))
    parts: list[torch.Tensor] = []
    done = first
    for batch in prefetch(pictures.batches(runtime.embed_batch, first, last)):
        images = normalise(batch, device, memory_format(runtime))
        with autocast(runtime, device):
            descriptors = network.descriptor(images, None if known is None else known[done : done + len(batch)])
        parts.append(descriptors.float().cpu())
        done += len(batch)
    return gather_rows(parts, device, share).numpy()
