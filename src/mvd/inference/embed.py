"""Descriptors of pictures, by one process or shared by several.

Shapes: B batch, H × W pixels, N pictures, D width of a descriptor.
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
def describe(
    network: Network,
    runtime: RuntimeConfig,
    pictures: Pictures,
    modalities: Modalities | None = None,
    *,
    share: Share = ALONE,
) -> Descriptors:
    """Compute the descriptors of pictures. The network ends in eval mode.

    Args:
        network: on its device.
        runtime: the precision, the layout in memory, and how many pictures at once.
        pictures: N of them.
        modalities: (N,), a `Modality` for each picture in order; None where they are not known, which only a network
            with a stem for each refuses.
        share: the processes that share the pictures; each takes whole batches, the same ones that a single process
            would make, so that their number changes no figure.

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
            descriptors = network.embed(images, None if known is None else known[done : done + len(batch)])
        parts.append(descriptors.float().cpu())
        done += len(batch)
    return gather_rows(parts, device, share).numpy()
