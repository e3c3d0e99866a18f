"""Augment and normalise batches on the device: uint8 pictures become float32 images.

Pictures are copied to the device as uint8, a quarter of the bytes. The augmentation of each picture is drawn on the CPU
from (seed, step) (`mvd.data.draw_augmentation`); one gather crops and flips the whole batch. Nothing synchronises with
the device.

Shapes: B batch, H × W pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvd.config import AugmentConfig
from mvd.data.augment import GREY, KEEP_COLOURS, AugmentDraws, draw_augmentation
from mvd.data.images import MEAN, STD
from mvd.errors import ConfigError
from mvd.training.amplitude import swap_amplitudes

_LUMA = (0.2989, 0.5870, 0.1140)


class DeviceAugment(nn.Module):
    """Random crop, flip, channel exchange and erasing of a batch on its device, as in `mvd train`.

    In training mode the augmentation is a function of (seed, step) and of the modalities; in eval mode the pictures
    are only normalised by ImageNet's mean and standard deviation.

    Args:
        config: probabilities and sizes (`mvd.config.AugmentConfig`); by default its default values.
        seed: seed of the draws.
        memory_format: layout of the images, such as `torch.channels_last`.

    Shapes:
        - pictures: (B, H, W, 3) uint8, on any device
        - modalities: (B,) int, a `Modality` each, on the CPU; with `config.streams` 3 or 4, + `AGAIN` for second views
        - output: (B, 3, H, W) float32, on the device of the pictures

    Raises:
        ConfigError: the pictures are not (B, H, W, 3) uint8; or, in training mode, the step or the modalities are
            missing, or the modalities are not on the CPU.

    Example:
        >>> augment = DeviceAugment(seed=0)
        >>> pictures = torch.zeros(4, 32, 16, 3, dtype=torch.uint8)
        >>> augment(pictures, torch.tensor([0, 0, 1, 1]), step=7).shape
        torch.Size([4, 3, 32, 16])
        >>> augment.eval()(pictures).amax().item()  # (0 - 0.406) / 0.225
        -1.8044...
    """

    def __init__(
        self,
        config: AugmentConfig | None = None,
        *,
        seed: int = 0,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__()
        self.config = config or AugmentConfig()
        self.seed = seed
        self.memory_format = memory_format

    def forward(self, pictures: Tensor, modalities: Tensor | None = None, step: int | None = None) -> Tensor:
        """Augment and normalise pictures; only normalise them in eval mode.

        Args:
            pictures: (B, H, W, 3) uint8.
            modalities: (B,) on the CPU, as a DataLoader yields them; not needed in eval mode.
            step: the step, from 0, counted over all epochs; not needed in eval mode.
        """
        for given in (pictures, modalities):
            if given is not None and not isinstance(given, Tensor):
                raise ConfigError(
                    f"expected pictures and modalities as tensors, found {type(given).__name__}; convert them"
                )
        if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != torch.uint8:
            raise ConfigError(f"expected uint8 pictures (B, H, W, 3), found {pictures.dtype} {tuple(pictures.shape)}")
        if not self.training:
            return normalise_tensor(pictures).contiguous(memory_format=self.memory_format)
        if modalities is None or step is None:
            raise ConfigError("expected modalities and a step to augment by, found none; pass both, or call eval()")
        if modalities.device.type != "cpu" or modalities.shape != pictures.shape[:1]:
            raise ConfigError(
                f"expected {len(pictures)} modalities on the CPU, found {tuple(modalities.shape)} on "
                f"{modalities.device}; pass those of the DataLoader"
            )
        if self.config.amplitude and not torch.equal(modalities, _blocks(modalities, self.config.streams)):
            raise ConfigError(
                f"augment.amplitude: expected {self.config.streams} streams of rows, visible and infrared first, as "
                f"IdentitySampler orders them, found another order"
            )
        height, width = pictures.shape[1:3]
        draws = draw_augmentation(self.config, modalities.numpy(), height, width, seed=self.seed, step=step)
        packed = pack(draws).to(pictures.device, non_blocking=True)
        return augment(pictures, packed, self.config, self.memory_format)

    def extra_repr(self) -> str:
        """Return the configuration and the seed."""
        return f"{self.config}, seed={self.seed}"


def _blocks(modalities: Tensor, streams: int) -> Tensor:
    """Return the streams of the rows, block by block; fewer rows if they are not divisible by the streams."""
    return torch.arange(streams, dtype=modalities.dtype).repeat_interleave(len(modalities) // streams)


def normalise(pictures: Tensor, device: torch.device, memory_format: torch.memory_format) -> Tensor:
    """Move pictures (B, H, W, 3) uint8 to the device and normalise them: (B, 3, H, W) float32."""
    return normalise_tensor(pictures.to(device, non_blocking=True)).contiguous(memory_format=memory_format)


def normalise_tensor(pictures: Tensor) -> Tensor:
    """Normalise pictures (B, H, W, 3) in 0 … 255 by ImageNet's mean and deviation: (B, 3, H, W) float32."""
    return _normalised(pictures).permute(0, 3, 1, 2)


def pack(draws: AugmentDraws) -> Tensor:
    """Pack draws into one tensor (B, 10) int64, for a single copy to the device."""
    columns = [draws.top, draws.left, draws.flip, draws.channel, *draws.erase.T, draws.brightness, draws.swap]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.int64))


def augment(pictures: Tensor, draws: Tensor, config: AugmentConfig, memory_format: torch.memory_format) -> Tensor:
    """Augment each picture as drawn, and normalise; all on the device, without synchronisation.

    The padding is black, which is not zero after normalisation; an erased rectangle is zero, the mean colour, as in
    common implementations, unless the configuration sets another value.

    Args:
        pictures: (B, H, W, 3) uint8.
        draws: (B, 10) int64 of `pack`, on the same device.
        config: the configuration with which they were drawn.
        memory_format: layout of the result.

    Returns:
        (B, 3, H, W) float32.
    """
    top, left, flip, channel = draws[:, :4].unbind(1)
    images = _crop(pictures, top, left, flip, config.pad).float()
    if config.amplitude:
        images = swap_amplitudes(images, draws[:, 9], config.streams, config.amplitude_reach)
    images = _exchange(images, channel)
    if config.streams > 3:
        images = (images * (draws[:, 8, None, None, None] / 1000)).clamp(max=255)
    images = _erase(_normalised(images), draws[:, 4:8], config.erase_value)
    return images.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)


def _crop(images: Tensor, top: Tensor, left: Tensor, flip: Tensor, pad: int) -> Tensor:
    batch, height, width, _ = images.shape
    columns = torch.arange(width, device=images.device)
    x = left[:, None] + torch.where(flip[:, None] > 0, columns.flip(0), columns)
    y = top[:, None] + torch.arange(height, device=images.device)
    sample = torch.arange(batch, device=images.device)
    return F.pad(images, (0, 0, pad, pad, pad, pad))[sample[:, None, None], y[:, :, None], x[:, None, :]]


def _exchange(images: Tensor, channel: Tensor) -> Tensor:
    """Copy one channel, or the grey, to all three channels of pictures (B, H, W, 3) in 0 … 255."""
    grey = images @ _constant(_LUMA, images.device)
    # Column c holds what all three channels become where channel == c.
    sources = torch.cat([images, grey[..., None]], dim=-1)
    index = channel.clamp(0, GREY)[:, None, None, None].expand(-1, images.shape[1], images.shape[2], 1)
    return torch.where((channel == KEEP_COLOURS)[:, None, None, None], images, sources.gather(-1, index))


def _erase(images: Tensor, boxes: Tensor, value: tuple[float, float, float]) -> Tensor:
    rows = torch.arange(images.shape[1], device=images.device)
    columns = torch.arange(images.shape[2], device=images.device)
    top, left, height, width = boxes[:, :, None].unbind(1)
    tall, wide = (rows >= top) & (rows < top + height), (columns >= left) & (columns < left + width)
    return torch.where((tall[:, :, None] & wide[:, None, :])[..., None], _constant(value, images.device), images)


def _normalised(images: Tensor) -> Tensor:
    return (images - _constant(MEAN, images.device) * 255) / (_constant(STD, images.device) * 255)


def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    if torch.compiler.is_compiling():  # the tensors of a program that is traced hold no values, and must not be kept
        return torch.tensor(values, dtype=torch.float32, device=device)
    return _kept(values, device)


@cache
def _kept(values: tuple[float, ...], device: torch.device) -> Tensor:
    # Cached, since a copy in each step would make the device wait for the host. An ordinary tensor, even if its first
    # use is in inference mode, and float32 whatever the default type is then.
    with torch.inference_mode(mode=False):
        return torch.tensor(values, dtype=torch.float32, device=device)
