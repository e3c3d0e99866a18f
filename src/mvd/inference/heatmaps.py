"""Where a network looks: gradient-weighted maps of what makes one picture similar to another.

The map of a picture is that of Grad-CAM (Selvaraju et al., ICCV 2017) for the cosine similarity with its partner: each
channel of an encoder's map is weighted by the mean gradient of the similarity, the sum is cut off at 0, and the maps of
all passes of all branches, each from 0 to 1, are averaged.

Shapes: B pictures of H × W pixels, h × w positions of an encoder's map.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.config import RunConfig
from mvd.models.branch import BranchNetwork, last_map
from mvd.models.factory import Network
from mvd.models.state import initial_network, restore_network
from mvd.runs import load_checkpoint
from mvd.runtime.device import resolve_device
from mvd.training.device_augment import normalise_tensor


def heatmaps(  # noqa: PLR0917 - what a run is, and pictures in pairs
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    pictures: npt.NDArray[np.uint8],
    partners: Sequence[int],
    modalities: Sequence[int],
) -> npt.NDArray[np.float32]:
    """Compute where the network of a run sees the similarity between pictures.

    Args:
        config: the run, as adapted to this machine.
        classes: K of that run.
        checkpoint: the weights; None for the network before training.
        pictures: (B, H, W, 3) RGB.
        partners: of each picture, the number of the one that it is compared with.
        modalities: of each picture, a `Modality`.

    Returns:
        (B, H, W), from 0 to 1.

    Raises:
        CheckpointError: the weights do not fit.
    """
    device = resolve_device(config.runtime.device)
    network = initial_network(config, classes, device)
    if checkpoint is not None:
        restore_network(network, load_checkpoint(checkpoint)[0], checkpoint)
    network.eval()
    images = normalise_tensor(torch.from_numpy(pictures.copy()).to(device))
    maps = similarity_maps(network, images, torch.tensor(partners), torch.tensor(modalities))
    return maps.cpu().numpy().astype(np.float32)


def similarity_maps(network: Network, images: Tensor, partners: Tensor, modalities: Tensor) -> Tensor:
    """Compute the maps (B, H, W), from 0 to 1, of normalised pictures (B, 3, H, W); see `heatmaps`."""
    passes: list[Tensor] = []
    encoders = [module.encoder for module in network.modules() if isinstance(module, BranchNetwork)]
    hooks = [
        encoder.register_forward_hook(lambda _module, _inputs, out: passes.append(last_map(out)))
        for encoder in encoders
    ]
    try:
        with torch.enable_grad():
            embeddings = network(images, modalities)
            # The passes over mirror images (`descriptor_flip`) come last; their maps are mirrored, and left out.
            kept = passes[: len(passes) // 2] if network.config.descriptor_flip else passes
            similarity = (embeddings * embeddings[partners].detach()).sum()
            gradients = torch.autograd.grad(similarity, kept)
    finally:
        for hook in hooks:
            hook.remove()
    total = torch.zeros(len(images), *images.shape[2:], device=images.device)
    for values, gradient in zip(kept, gradients, strict=True):
        one = F.relu((gradient.mean(dim=(2, 3), keepdim=True) * values.detach()).sum(dim=1, keepdim=True))
        one = one / one.amax(dim=(2, 3), keepdim=True).clamp_min(torch.finfo(one.dtype).tiny)
        total += F.interpolate(one.float(), images.shape[2:], mode="bilinear")[:, 0] / len(kept)
    return total / total.amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(total.dtype).tiny)
