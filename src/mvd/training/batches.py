"""Training batches on the host: gathered from the memory-mapped pictures a little ahead of their use.

Shapes: B = 2·P·K pictures in a batch, b of them in one process, its visible ones first; H × W pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from mvd.config import RunConfig
from mvd.data.augment import draw_augmentation
from mvd.data.samples import Modality
from mvd.data.sampling import identity_batches, steps_per_epoch
from mvd.engine import ALONE, Share, TrainingData
from mvd.training.device_augment import pack

T = TypeVar("T")


class HostBatch(NamedTuple):
    """A batch, or one process's share of it, before it goes to the device.

    What is said of the whole batch comes in the order in which the processes' rows are put together again: those of
    the first process, then those of the second, and so on.

    Attributes:
        pictures: (b, H, W, 3) uint8, the share.
        draws: (b, 8) int64, how to augment each, as `pictures.pack` puts it.
        modalities: (b,) int64, a `Modality` each; it stays on the host.
        everyone: (2, B) int64, the class and the modality of each row of the whole batch.
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


def host_batches(
    config: RunConfig, data: TrainingData, start: int, *, share: Share = ALONE, pin: bool = False
) -> Iterator[HostBatch]:
    """Yield the batches of a run from step `start` (counted over all epochs) to its end.

    Each is a function of the seed and its step alone, however many processes share it: identities are dealt to them
    without overlap, and the augmentation of a picture is what it would be in one process.

    Args:
        config: the run.
        data: what to train on.
        start: the first step, from 0.
        share: which process of how many this is; their number divides that of the identities.
        pin: put the batches into page-locked memory, from which a GPU copies by itself.

    Raises:
        DatasetError: there are too few people to fill a batch.
    """
    steps = count_steps(config, data)
    visible, infrared = data.labels(data.visible), data.labels(data.infrared)
    height, width = data.visible.size
    half = config.sampling.identities * config.sampling.pictures
    modalities = np.repeat(list(Modality), half)
    # The columns of each process's identities; its rows are theirs, visible and then infrared.
    columns = np.arange(half).reshape(share.count, -1)
    rows = np.concatenate([columns, half + columns], axis=1)
    own, mine = columns[share.index], rows[share.index]
    for epoch in range(start // steps, config.schedule.epochs):
        dealt = identity_batches(
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
            pictures = [data.visible.read(dealt.visible[row, own]), data.infrared.read(dealt.infrared[row, own])]
            draws = draw_augmentation(config.augment, modalities, height, width, seed=config.seed, step=step)
            everyone = np.stack([np.tile(dealt.labels[row], 2), modalities])[:, rows.reshape(-1)]
            batch = HostBatch(
                pictures=torch.from_numpy(np.concatenate(pictures)),
                draws=pack(draws)[mine],
                modalities=torch.from_numpy(modalities[mine]),
                everyone=torch.from_numpy(everyone),
            )
            yield HostBatch(*(tensor.pin_memory() for tensor in batch)) if pin else batch


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yield items that a thread works out up to `depth` ahead; its errors surface here."""
    source = iter(items)
    with ThreadPoolExecutor(1) as worker:
        ahead = deque(worker.submit(next, source, None) for _ in range(depth))
        while (item := ahead.popleft().result()) is not None:
            ahead.append(worker.submit(next, source, None))
            yield item
