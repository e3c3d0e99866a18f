"""What the tests of the two engines share: tiny data, networks, and runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.commands.engine import load_engine
from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)
from mvd.data.prepared.arrays import PreparedPictures
from mvd.data.samples import Modality, Samples
from mvd.data.training import TrainingData
from mvd.metrics.validation import Validation
from mvd.runs import RunData, RunFolder, create_run
from mvd.runs.observer import Observer, SampleBatch, StepLog

PEOPLE, EACH, HEIGHT, WIDTH = 4, 6, 64, 32
STEPS = 5  # in an epoch
IDENTITIES = tuple(range(10, 10 + PEOPLE))

MVD = RunConfig(
    seed=1,
    data=DataConfig(height=HEIGHT, width=WIDTH),
    sampling=SamplingConfig(identities=4, pictures=2, steps_per_epoch=STEPS),
    augment=AugmentConfig(pad=1, exchange=0.3, erase=0.3, streams=2),
    model=ModelConfig(
        arch="resnet18", base_width=4, bottleneck_widths=(16, 16), z_dim=16, classifier_width=16, dropout=0.0
    ),
    optimizer=OptimizerConfig(lr=1e-5),
    schedule=CosineSchedule(epochs=4, warmup_epochs=0),
    runtime=RuntimeConfig(device="cpu", log_every=1, validate_every=2),
)
"""Everything of MVD, without dropout, whose draws differ between the frameworks.

At a rate of 1e-3 a metric loss of PyTorch's in two memory layouts is 5 % apart after twenty steps: rounding chooses
other hardest pairs. At rates of 3e-5 and less it is 0.001 % apart.
"""

SHARED = replace(
    MVD,
    model=replace(MVD.model, encoders="shared"),
    losses=LossConfig(metric="triplet", vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, shared=1.0),
)
"""One encoder with a bottleneck: a quarter of the time that MindSpore takes to compile MVD."""


class Watcher(Observer):
    """Remembers what it is told, and stops the run after a number of steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.losses: dict[int, float] = {}
        self.samples: list[SampleBatch] = []
        self.notes: list[str] = []
        self.validations: list[tuple[int, bool]] = []

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        self.samples.append(show())

    def noted(self, line: str) -> None:
        self.notes.append(line)

    def stepped(self, step: int) -> bool:
        return step != self.stop_after

    def logged(self, log: StepLog) -> None:
        self.losses[log.step] = log.losses["total"]

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        self.validations.append((epoch, best))


def make_data() -> TrainingData:
    """Make pictures of people who differ in their colours."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), EACH)
    prepared = []
    for modality in Modality:
        looks = rng.integers(0, 256, (PEOPLE, 4, 2, 3)).repeat(HEIGHT // 4, axis=1).repeat(WIDTH // 2, axis=2)
        noise = rng.integers(-20, 20, (len(people), HEIGHT, WIDTH, 3))
        samples = Samples(
            paths=np.array([f"{modality}/{row}" for row in range(len(people))]),
            identities=people + 10,
            cameras=np.full(len(people), 1 + 2 * modality),
            modalities=np.full(len(people), modality),
        )
        images = np.clip(looks[people] + noise, 0, 255).astype(np.uint8)
        prepared.append(PreparedPictures(images=images, rows=np.arange(len(people)), samples=samples))
    return TrainingData(visible=prepared[0], infrared=prepared[1], identities=np.array(IDENTITIES))


def new_run(path: Path, config: RunConfig) -> RunFolder:
    """Make a run folder."""
    described = RunData(root="data", prepared="data", dataset="sysu", identities=IDENTITIES)
    return create_run(path, config, described, replace=False)


def fit(
    config: RunConfig,
    data: TrainingData,
    run: RunFolder,
    *,
    stop_after: int | None = None,
    resume: bool = False,
    initial: Mapping[str, npt.NDArray[Any]] | None = None,
    validation: Validation | None = None,
) -> Watcher:
    """Train by the engine that a configuration names."""
    watcher = Watcher(stop_after)
    load_engine(config).fit(config, data, run, observer=watcher, resume=resume, initial=initial, validation=validation)
    return watcher
