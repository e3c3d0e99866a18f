"""Swap low-frequency amplitudes between the modalities of a batch, with unchanged phases, on the device.

Shapes: B pictures of H × W pixels, in S streams of B / S rows: visible, infrared, and second views of them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def swap_amplitudes(images: Tensor, swap: Tensor, streams: int, reach: float) -> Tensor:
    """Replace the low-frequency amplitudes of pictures by those of their partners in the other modality.

    With F the Fourier transform of a channel of a picture and G that of its partner, the new channel has
    |G|·exp(i arg F) at the frequencies of at most b = ⌊reach · min(H, W)⌋ periods in each direction, the mean included,
    and F elsewhere (FDA; Yang & Soatto, CVPR 2020). A row's partner has the same place in the other modality's first
    stream: in the batches of training, it is a picture of the same identity.

    Args:
        images: (B, H, W, 3), 0 … 255.
        swap: (B,), whether to change each picture.
        streams: S.
        reach: from 0, only the mean, to 0.5.

    Returns:
        (B, H, W, 3), 0 … 255; the bits of all other pictures are unchanged.
    """
    height, width = images.shape[1:3]
    first = images.chunk(streams)[:2]
    partners = torch.cat([first[1 - stream % 2] for stream in range(streams)])
    own, other = (torch.fft.rfft2(pictures, dim=(1, 2)) for pictures in (images, partners))
    highest = int(reach * min(height, width))
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(own.shape[2], device=images.device)
    low = (torch.minimum(rows, height - rows) <= highest)[:, None] & (columns <= highest)
    mixed = torch.where(low[..., None], torch.polar(other.abs(), own.angle()), own)
    found = torch.fft.irfft2(mixed, s=(height, width), dim=(1, 2)).clamp(0, 255)
    return torch.where(swap.bool()[:, None, None, None], found, images)
