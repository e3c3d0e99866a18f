"""Descriptors of pictures.

Shapes: B batch, N pictures, D = 4·C width of a descriptor.
"""

from __future__ import annotations

import torch

from mvd.backends import Descriptors, Pictures
from mvd.backends.pytorch.devices import autocast, memory_format
from mvd.backends.pytorch.mvd import MVD
from mvd.backends.pytorch.pictures import normalise
from mvd.config import RuntimeConfig


@torch.inference_mode()
def describe(network: MVD, pictures: Pictures, runtime: RuntimeConfig) -> Descriptors:
    """Compute the descriptors of batches (B, H, W, 3) uint8: (N, D) float32. The network ends in eval mode."""
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for batch in pictures:
        images = normalise(batch, device, memory_format(runtime))
        with autocast(runtime, device):
            parts.append(network.descriptor(images).float().cpu())
    return torch.cat(parts).numpy()
