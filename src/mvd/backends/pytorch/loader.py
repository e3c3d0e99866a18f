"""Training batches on the host: gathered from the memory-mapped pictures a little ahead of their use.

Shapes: B = 2·P·K pictures in a batch, the visible half first; H × W pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from mvd.backends import TrainingData
from mvd.config import RunConfig
from mvd.data.augment import AugmentDraws, draw_augmentation
from mvd.data.samples import Modality
from mvd.data.sampling import identity_batches, steps_per_epoch

T = TypeVar("T")


class HostBatch(NamedTuple):
    """A batch before it goes to the device.

    Attributes:
        pictures: (B, H, W, 3) uint8.
        labels: (B,) int64 classes.
        modalities: (B,) int64, a `Modality` each.
        draws: how to augment each.
    """

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    modalities: npt.NDArray[np.int64]
    draws: AugmentDraws


def count_steps(config: RunConfig, data: TrainingData) -> int:
    """Count the steps of an epoch."""
    sampling = config.sampling
    return sampling.steps_per_epoch or steps_per_epoch(
        len(data.visible), len(data.infrared), sampling.identities, sampling.pictures
    )


def host_batches(config: RunConfig, data: TrainingData, start: int) -> Iterator[HostBatch]:
    """Yield the batches of a run from step `start` (counted over all epochs) to its end.

    Each is a function of the seed and its step alone.

    Raises:
        DatasetError: there are too few people to fill a batch.
    """
    steps = count_steps(config, data)
    visible, infrared = data.labels(data.visible), data.labels(data.infrared)
    height, width = data.visible.size
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
            pictures = [data.visible.read(dealt.visible[row]), data.infrared.read(dealt.infrared[row])]
            modalities = np.repeat(list(Modality), len(dealt.labels[row]))
            draws = draw_augmentation(config.augment, modalities, height, width, seed=config.seed, step=step)
            yield HostBatch(np.concatenate(pictures), np.tile(dealt.labels[row], 2), modalities, draws)


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yield items that a thread works out up to `depth` ahead; its errors surface here."""
    source = iter(items)
    with ThreadPoolExecutor(1) as worker:
        ahead = deque(worker.submit(next, source, None) for _ in range(depth))
        while (item := ahead.popleft().result()) is not None:
            ahead.append(worker.submit(next, source, None))
            yield item
