"""Data of the step benchmarks, without a framework: arguments of sizes, and noise with as many people as SYSU-MM01."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mvd.config import DataConfig, RunConfig, SamplingConfig
from mvd.data.prepared.arrays import PreparedPictures
from mvd.data.samples import Modality, Samples
from mvd.data.training import TrainingData

PEOPLE, EACH = 395, 4
SIZES = {
    "arch": "resnet50", "base_width": 64, "height": 288, "width": 144, "identities": 8, "pictures": 4, "steps": 5
}  # fmt: skip


def add_sizes(parser: argparse.ArgumentParser, **others: str | int) -> None:
    """Add the arguments of network, pictures and batch, and of steps to measure; `others` are other defaults."""
    for name, value in (SIZES | others).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)


def sized(base: RunConfig, given: argparse.Namespace, steps: int = 1000, **model: Any) -> RunConfig:
    """Give a configuration the sizes of arguments, steps in an epoch, and other fields of the model."""
    return replace(
        base,
        data=DataConfig(height=given.height, width=given.width),
        sampling=SamplingConfig(identities=given.identities, pictures=given.pictures, steps_per_epoch=steps),
        model=replace(base.model, arch=given.arch, base_width=given.base_width, **model),
    )


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
