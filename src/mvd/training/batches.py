"""Training batches on the host, read from the memory-mapped pictures a little ahead of their use.

Shapes: B = streams·P·K pictures in a batch, b of them in one process, its visible ones first, then the infrared ones,
then second views in the same order (`AugmentConfig.streams`); H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mvd import distributed
from mvd.config import RunConfig
from mvd.data.augment import AGAIN, batch_streams, draw_augmentation
from mvd.data.sampling import identity_batches, steps_per_epoch
from mvd.data.training import TrainingData
from mvd.training.device_augment import pack


class HostBatch(NamedTuple):
    """One process's share of a batch, before it goes to the device.

    Attributes:
        pictures: (b, H, W, 3) uint8, visible ones first.
        draws: (b, 10) int64, how to augment each (`device_augment.pack`).
        modalities: (b,) int64, a `Modality` each; it stays on the host.
        everyone: (2, B) int64, class and modality of each row of the whole batch: the rows of the first process, then
            those of the second, and so on, as they are gathered.
    """

    pictures: Tensor
    draws: Tensor
    modalities: Tensor
    everyone: Tensor


def count_steps(config: RunConfig, data: TrainingData) -> int:
    """Count the steps of an epoch."""
    sampling = config.sampling
    return sampling.steps_per_epoch or steps_per_epoch(
        len(data.visible), len(data.infrared), sampling.identities, sampling.pictures
    )


def host_batches(config: RunConfig, data: TrainingData, start: int, *, pin: bool = False) -> Iterator[HostBatch]:
    """Yield this process's share of each batch, from step `start`, counted over all epochs, to the end.

    A batch is a function of the seed and its step alone, however many processes share it: each takes its own people,
    and the augmentation of a picture is what it would be in one process.

    Args:
        config: the run.
        data: what to train on.
        start: the first step, from 0.
        pin: use page-locked memory, from which a GPU copies asynchronously.

    Raises:
        DatasetError: there are too few identities to fill a batch.
    """
    steps = count_steps(config, data)
    visible, infrared = data.labels(data.visible), data.labels(data.infrared)
    height, width = data.visible.size
    half = config.sampling.identities * config.sampling.pictures
    count = config.augment.streams
    streams = batch_streams(count, half)
    modalities = streams % AGAIN
    # The columns of each process's identities; its rows are those columns, stream by stream.
    columns = np.arange(half).reshape(distributed.count(), -1)
    rows = np.concatenate([stream * half + columns for stream in range(count)], axis=1)
    own, mine = columns[distributed.index()], rows[distributed.index()]
    for epoch in range(start // steps, config.schedule.epochs):
        drawn = identity_batches(
            visible,
            infrared,
            identities=config.sampling.identities,
            pictures=config.sampling.pictures,
            steps=steps,
            seed=config.seed,
            epoch=epoch,
        )
        for step in range(max(start, epoch * steps), (epoch + 1) * steps):
            row = step - epoch * steps
            pictures = [data.visible.read(drawn.visible[row, own]), data.infrared.read(drawn.infrared[row, own])]
            draws = draw_augmentation(config.augment, streams, height, width, seed=config.seed, step=step)
            everyone = np.stack([np.tile(drawn.labels[row], count), modalities])[:, rows.reshape(-1)]
            batch = HostBatch(
                pictures=torch.from_numpy(np.concatenate((pictures * 2)[:count])),
                draws=pack(draws)[mine],
                modalities=torch.from_numpy(modalities[mine]),
                everyone=torch.from_numpy(everyone),
            )
            yield HostBatch(*(tensor.pin_memory() for tensor in batch)) if pin else batch
