"""Grad-CAM heat maps: which regions make one picture similar to another.

The heat map of a picture is Grad-CAM (Selvaraju et al., ICCV 2017) of the cosine similarity with its partner: each
channel of an encoder's feature map is weighted by the mean gradient of the similarity, and the sum is clipped at 0. The
maps of all passes of all branches are scaled to 0 to 1 and averaged.

Shapes: B pictures of H × W pixels, h × w positions of a feature map.
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
from mvd.runtime.defaults import torch_defaults
from mvd.runtime.device import resolve_device
from mvd.training.device_augment import normalise_tensor


@torch_defaults()
def heatmaps(  # noqa: PLR0917 - what a run is, and pictures in pairs
    config: RunConfig,
    classes: int,
    checkpoint: Path | None,
    pictures: npt.NDArray[np.uint8],
    partners: Sequence[int],
    modalities: Sequence[int],
) -> npt.NDArray[np.float32]:
    """Compute heat maps of the similarity between pictures, with the network of a run.

    Args:
        config: configuration of the run, adapted to this machine.
        classes: number of classes of the run.
        checkpoint: the weights; None for the network before training.
        pictures: (B, H, W, 3) RGB.
        partners: for each picture, the index of the picture that it is compared with.
        modalities: a `Modality` for each picture.

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
    """Compute heat maps (B, H, W), from 0 to 1, of normalised pictures (B, 3, H, W); see `heatmaps`."""
    passes: list[Tensor] = []
    encoders = [module.encoder for module in network.modules() if isinstance(module, BranchNetwork)]
    hooks = [
        encoder.register_forward_hook(lambda _module, _inputs, out: passes.append(last_map(out)))
        for encoder in encoders
    ]
    try:
        with torch.enable_grad():
            embeddings = network(images, modalities)
            # Passes over flipped pictures (`descriptor_flip`) come last; their maps are flipped too, so skip them.
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
