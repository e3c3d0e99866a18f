"""Pictures of nothing to measure steps on: as many people as SYSU-MM01 trains on, without a framework."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mvd.config import RunConfig
from mvd.data.prepared.arrays import PreparedPictures
from mvd.data.samples import Modality, Samples
from mvd.data.training import TrainingData

PEOPLE, EACH = 395, 4


def noise(folder: Path, config: RunConfig) -> TrainingData:
    """Write pictures of nothing, and map them into memory."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), EACH)
    parts = []
    for modality in Modality:
        file = folder / f"{modality}.npy"
        shape = (len(people), config.data.height, config.data.width, 3)
        np.save(file, rng.integers(0, 256, shape, dtype=np.uint8))
        samples = Samples(
            paths=np.array([f"{modality}/{row}" for row in range(len(people))]),
            identities=people,
            cameras=np.full(len(people), 1 + 2 * modality),
            modalities=np.full(len(people), modality),
        )
        images = np.load(file, mmap_mode="r")
        parts.append(PreparedPictures(images=images, rows=np.arange(len(people)), samples=samples))
    return TrainingData(visible=parts[0], infrared=parts[1], identities=np.arange(PEOPLE))
