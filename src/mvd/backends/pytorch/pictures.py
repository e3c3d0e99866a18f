"""Pictures on the device: uint8 batches become normalised tensors, augmented as was drawn.

Pictures travel to the device as uint8, a quarter of the bytes, and one gather crops and mirrors the whole batch.

Shapes: B batch, H × W pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.data.augment import GREY, KEEP_COLOURS, AugmentDraws
from mvd.data.images import MEAN, STD

_LUMA = (0.2989, 0.5870, 0.1140)


def normalise(pictures: npt.NDArray[np.uint8], device: torch.device, memory_format: torch.memory_format) -> Tensor:
    """Move pictures (B, H, W, 3) to the device as (B, 3, H, W) float32, ImageNet's mean and deviation taken out."""
    return normalise_tensor(_to_device(pictures, device)).contiguous(memory_format=memory_format)


def normalise_tensor(pictures: Tensor) -> Tensor:
    """Take ImageNet's mean and deviation out of pictures (B, H, W, 3), 0 … 255, and give (B, 3, H, W) float32."""
    return _normalised(pictures).permute(0, 3, 1, 2)


def augment(
    pictures: npt.NDArray[np.uint8],
    draws: AugmentDraws,
    pad: int,
    device: torch.device,
    memory_format: torch.memory_format,
) -> Tensor:
    """Move pictures to the device, do to each what was drawn for it, and normalise.

    The padding is black, and so not zero afterwards; an erased rectangle is zero, the mean colour, as in the
    common codes of the field.

    Args:
        pictures: (B, H, W, 3) uint8.
        draws: what to do to each.
        pad: the padding that the crops were drawn for.
        device: where to compute.
        memory_format: layout of the result.

    Returns:
        (B, 3, H, W) float32.
    """
    images = _crop(_to_device(pictures, device), draws, pad)
    images = _exchange(images.float(), _to_device(draws.channel, device))
    images = _erase(_normalised(images), _to_device(draws.erase, device))
    return images.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)


def _crop(images: Tensor, draws: AugmentDraws, pad: int) -> Tensor:
    batch, height, width, _ = images.shape
    columns = np.arange(width)
    mirrored = np.where(draws.flip[:, None], columns[::-1], columns)
    x = _to_device(draws.left[:, None] + mirrored, images.device)
    y = _to_device(draws.top[:, None] + np.arange(height), images.device)
    sample = torch.arange(batch, device=images.device)
    return F.pad(images, (0, 0, pad, pad, pad, pad))[sample[:, None, None], y[:, :, None], x[:, None, :]]


def _exchange(images: Tensor, channel: Tensor) -> Tensor:
    """Show one channel, or the grey, in all three: (B, H, W, 3) in 0 … 255 both."""
    grey = images @ images.new_tensor(_LUMA)
    # Column c holds what all three channels become where channel == c.
    sources = torch.cat([images, grey[..., None]], dim=-1)
    index = channel.clamp(0, GREY)[:, None, None, None].expand(-1, images.shape[1], images.shape[2], 1)
    return torch.where((channel == KEEP_COLOURS)[:, None, None, None], images, sources.gather(-1, index))


def _erase(images: Tensor, boxes: Tensor) -> Tensor:
    rows = torch.arange(images.shape[1], device=images.device)
    columns = torch.arange(images.shape[2], device=images.device)
    top, left, height, width = boxes[:, :, None].unbind(1)
    erased = ((rows >= top) & (rows < top + height))[:, :, None] & ((columns >= left) & (columns < left + width))[
        :, None, :
    ]
    return images.masked_fill(erased[..., None], 0.0)


def _normalised(images: Tensor) -> Tensor:
    mean = torch.tensor(MEAN, device=images.device) * 255
    std = torch.tensor(STD, device=images.device) * 255
    return (images - mean) / std


def _to_device(values: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)
