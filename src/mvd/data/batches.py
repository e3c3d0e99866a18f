"""Training batches as arrays, read from the memory-mapped pictures, for all frameworks.

Shapes: B = streams·P·K pictures in a batch, b of them in one process: visible pictures, then infrared pictures, then
second views in the same order (`AugmentConfig.streams`); H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.config import RunConfig
from mvd.data.augment import AGAIN, AugmentDraws, batch_streams, draw_augmentation
from mvd.data.sampling import identity_batches, steps_per_epoch
from mvd.data.training import TrainingData


class Batch(NamedTuple):
    """One process's share of a batch.

    Attributes:
        pictures: (b, H, W, 3) uint8, visible ones first.
        draws: the augmentation of each picture.
        modalities: (b,) int64, a `Modality` each.
        everyone: (2, B) int64, class and modality of each row of the whole batch, in the order of gathering: the rows
            of the first process, then those of the second, and so on.
    """

    pictures: npt.NDArray[np.uint8]
    draws: AugmentDraws
    modalities: npt.NDArray[np.int64]
    everyone: npt.NDArray[np.int64]


def count_steps(config: RunConfig, data: TrainingData) -> int:
    """Return the number of steps per epoch."""
    sampling = config.sampling
    return sampling.steps_per_epoch or steps_per_epoch(
        len(data.visible), len(data.infrared), sampling.identities, sampling.pictures
    )


def training_batches(
    config: RunConfig, data: TrainingData, start: int, *, process: int = 0, processes: int = 1
) -> Iterator[Batch]:
    """Yield one process's share of each batch, from step `start`, counted over all epochs, to the end.

    A batch depends only on the seed and its step, not on the number of processes: each process takes its own
    identities, and the augmentation of a picture is the same as in a single process.

    Args:
        config: configuration of the run.
        data: the training data.
        start: the first step, from 0.
        process: index of this process.
        processes: number of processes that share a batch.

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
    # The columns of each process's identities; its rows are these columns of every stream.
    columns = np.arange(half).reshape(processes, -1)
    rows = np.concatenate([stream * half + columns for stream in range(count)], axis=1)
    own, mine = columns[process], rows[process]
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
            yield Batch(
                pictures=np.concatenate((pictures * 2)[:count]),
                draws=AugmentDraws(*(column[mine] for column in draws)),
                modalities=modalities[mine],
                everyone=everyone,
            )
