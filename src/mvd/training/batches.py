"""Training batches as tensors on the host (`mvd.data.batches` draws and reads them), and as pictures for viewing.

Shapes: B = streams·P·K pictures in a batch, b of them in one process: visible pictures, then infrared pictures, then
second views in the same order (`AugmentConfig.streams`); H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mvd import distributed
from mvd.config import RunConfig
from mvd.data.batches import training_batches
from mvd.data.images import MEAN, STD
from mvd.data.training import TrainingData
from mvd.runs.observer import SampleBatch
from mvd.training.device_augment import augment, pack


class HostBatch(NamedTuple):
    """One process's share of a batch, before it goes to the device.

    Attributes:
        pictures: (b, H, W, 3) uint8, visible ones first.
        draws: (b, 10) int64, the augmentation of each picture (`device_augment.pack`).
        modalities: (b,) int64, a `Modality` each; it stays on the host.
        everyone: (2, B) int64, class and modality of each row of the whole batch, in the order of gathering: the rows
            of the first process, then those of the second, and so on.
    """

    pictures: Tensor
    draws: Tensor
    modalities: Tensor
    everyone: Tensor


def host_batches(config: RunConfig, data: TrainingData, start: int, *, pin: bool = False) -> Iterator[HostBatch]:
    """Yield this process's share of each batch, from step `start`, counted over all epochs, to the end.

    Args:
        config: configuration of the run.
        data: the training data.
        start: the first step, from 0.
        pin: use page-locked memory, from which a GPU copies asynchronously.

    Raises:
        DatasetError: there are too few identities to fill a batch.
    """
    for batch in training_batches(config, data, start, process=distributed.index(), processes=distributed.count()):
        tensors = HostBatch(
            pictures=torch.from_numpy(batch.pictures),
            draws=pack(batch.draws),
            modalities=torch.from_numpy(batch.modalities),
            everyone=torch.from_numpy(batch.everyone),
        )
        yield HostBatch(*(tensor.pin_memory() for tensor in tensors)) if pin else tensors


def sample_batch(batch: HostBatch, config: RunConfig, identities: npt.NDArray[np.int64]) -> SampleBatch:
    """Convert a batch to augmented pictures, on the CPU, so that no device has to wait.

    Args:
        batch: the whole batch, or the first process's share, on the host.
        config: configuration of the run.
        identities: identity of each class.
    """
    images = augment(batch.pictures, batch.draws, config.augment, torch.contiguous_format)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    pictures = ((images * std + mean) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()
    # The first process's rows come first; in a distributed run, only the first process is observed.
    classes = batch.everyone[0, : len(pictures)]
    return SampleBatch(pictures.numpy(), identities[classes.numpy()], batch.modalities.numpy())
