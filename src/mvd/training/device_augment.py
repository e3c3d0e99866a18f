"""Pictures on the device: uint8 batches become normalised tensors, augmented as was drawn.

Pictures travel to the device as uint8, a quarter of the bytes, and one gather crops and mirrors the whole batch.

Shapes: B batch, H × W pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mvd.data.augment import GREY, KEEP_COLOURS, AugmentDraws
from mvd.data.images import MEAN, STD

_LUMA = (0.2989, 0.5870, 0.1140)


def normalise(pictures: Tensor, device: torch.device, memory_format: torch.memory_format) -> Tensor:
    """Move pictures (B, H, W, 3) uint8 to the device, as normalised (B, 3, H, W) float32."""
    return normalise_tensor(pictures.to(device, non_blocking=True)).contiguous(memory_format=memory_format)


def normalise_tensor(pictures: Tensor) -> Tensor:
    """Take ImageNet's mean and deviation out of pictures (B, H, W, 3), 0 … 255, and give (B, 3, H, W) float32."""
    return _normalised(pictures).permute(0, 3, 1, 2)


def pack(draws: AugmentDraws) -> Tensor:
    """Put draws side by side, (B, 8) int64, to travel in one piece."""
    columns = [draws.top, draws.left, draws.flip, draws.channel, *draws.erase.T]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.int64))


def augment(pictures: Tensor, draws: Tensor, pad: int, memory_format: torch.memory_format) -> Tensor:
    """Do to each picture what was drawn for it, and normalise; all on the device, with nothing to wait for.

    The padding is black, and so not zero afterwards; an erased rectangle is zero, the mean colour, as in the
    common codes of the field.

    Args:
        pictures: (B, H, W, 3) uint8.
        draws: (B, 8) int64, as `pack` puts them, on the same device.
        pad: the padding that the crops were drawn for.
        memory_format: layout of the result.

    Returns:
        (B, 3, H, W) float32.
    """
    top, left, flip, channel = draws[:, :4].unbind(1)
    images = _crop(pictures, top, left, flip, pad)
    images = _exchange(images.float(), channel)
    images = _erase(_normalised(images), draws[:, 4:])
    return images.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)


def _crop(images: Tensor, top: Tensor, left: Tensor, flip: Tensor, pad: int) -> Tensor:
    batch, height, width, _ = images.shape
    columns = torch.arange(width, device=images.device)
    x = left[:, None] + torch.where(flip[:, None] > 0, columns.flip(0), columns)
    y = top[:, None] + torch.arange(height, device=images.device)
    sample = torch.arange(batch, device=images.device)
    return F.pad(images, (0, 0, pad, pad, pad, pad))[sample[:, None, None], y[:, :, None], x[:, None, :]]


def _exchange(images: Tensor, channel: Tensor) -> Tensor:
    """Show one channel, or the grey, in all three: (B, H, W, 3) in 0 … 255 both."""
    grey = images @ _constant(_LUMA, images.device)
    # Column c holds what all three channels become where channel == c.
    sources = torch.cat([images, grey[..., None]], dim=-1)
    index = channel.clamp(0, GREY)[:, None, None, None].expand(-1, images.shape[1], images.shape[2], 1)
    return torch.where((channel == KEEP_COLOURS)[:, None, None, None], images, sources.gather(-1, index))


def _erase(images: Tensor, boxes: Tensor) -> Tensor:
    rows = torch.arange(images.shape[1], device=images.device)
    columns = torch.arange(images.shape[2], device=images.device)
    top, left, height, width = boxes[:, :, None].unbind(1)
    tall, wide = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    return images.masked_fill((tall[:, :, None] & wide[:, None, :])[..., None], 0.0)


def _normalised(images: Tensor) -> Tensor:
    return (images - _constant(MEAN, images.device) * 255) / (_constant(STD, images.device) * 255)


@cache
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    # Kept, because making it anew would make the device wait for the host in every step; and an ordinary tensor even
    # if descriptors are what first asks for it.
    with torch.inference_mode(mode=False):
        return torch.tensor(values, device=device)
