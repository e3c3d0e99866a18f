"""Descriptors of pictures.

Shapes: B batch, H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

import torch

from mvd.backends import Descriptors, Modalities, Pictures
from mvd.backends.pytorch.devices import autocast, memory_format
from mvd.backends.pytorch.network import Network
from mvd.backends.pytorch.pictures import normalise
from mvd.config import RuntimeConfig


@torch.inference_mode()
def describe(
    network: Network, runtime: RuntimeConfig, pictures: Pictures, modalities: Modalities | None = None
) -> Descriptors:
    """Compute the descriptors of pictures. The network ends in eval mode.

    Args:
        network: on its device.
        runtime: the precision and the layout in memory.
        pictures: batches (B, H, W, 3) uint8.
        modalities: (N,), a `Modality` for each picture in order; None where they are not known, which only a network
            with a stem for each refuses.

    Returns:
        (N, D) float32.

    Raises:
        ConfigError: the network needs modalities.
    """
    network.eval()
    device = next(network.parameters()).device
    known = None if modalities is None else torch.tensor(modalities)
    parts: list[torch.Tensor] = []
    done = 0
    for batch in pictures:
        images = normalise(batch, device, memory_format(runtime))
        with autocast(runtime, device):
            descriptors = network.descriptor(images, None if known is None else known[done : done + len(batch)])
        parts.append(descriptors.float().cpu())
        done += len(batch)
    return torch.cat(parts).numpy()
