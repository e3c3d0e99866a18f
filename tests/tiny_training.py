"""A training run so small that it takes no time, in either framework: its data, configuration and observer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.commands.engine import load_engine
from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)
from mvd.data.pictures import Pictures
from mvd.data.prepared.arrays import PreparedPictures
from mvd.data.samples import Modality, Samples
from mvd.data.training import TrainingData
from mvd.metrics.protocols import validation_protocol
from mvd.metrics.validation import Validation
from mvd.runs import RunData, RunFolder, create_run
from mvd.runs.observer import Observer, SampleBatch, StepLog

PEOPLE, EACH, HEIGHT, WIDTH = 4, 6, 32, 16
IDENTITIES = tuple(range(10, 10 + PEOPLE))

CONFIG = RunConfig(
    seed=1,
    data=DataConfig(height=HEIGHT, width=WIDTH),
    sampling=SamplingConfig(identities=4, pictures=2, steps_per_epoch=5),
    augment=AugmentConfig(pad=1, exchange=0.2, erase=0.2),
    model=ModelConfig(
        arch="resnet18", base_width=4, bottleneck_widths=(16, 16), z_dim=16, classifier_width=16, dropout=0.2
    ),
    optimizer=OptimizerConfig(lr=3e-3),
    schedule=CosineSchedule(epochs=4, warmup_epochs=1),
    # One thread: else their number follows the free cores, and the last bits follow their number.
    runtime=RuntimeConfig(device="cpu", log_every=3, validate_every=2, threads=1),
)


class Watcher(Observer):
    """Records all calls, and stops the run after a number of steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.start: tuple[int, int] | None = None
        self.logs: list[StepLog] = []
        self.samples: list[tuple[int, SampleBatch]] = []
        self.notes: list[str] = []
        self.validations: list[tuple[int, bool]] = []

    def started(self, step: int, steps: int) -> None:
        self.start = step, steps

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        self.samples.append((step, show()))

    def noted(self, line: str) -> None:
        self.notes.append(line)

    def stepped(self, step: int) -> bool:
        return step != self.stop_after

    def logged(self, log: StepLog) -> None:
        self.logs.append(log)

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        self.validations.append((epoch, best))

    @property
    def losses(self) -> dict[int, float]:
        """The objective by the step of its log line."""
        return {log.step: log.losses["total"] for log in self.logs}


def training_data(height: int = HEIGHT, width: int = WIDTH) -> TrainingData:
    """Make pictures of people who differ in their colours."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), EACH)
    pictures = []
    for _ in Modality:
        looks = rng.integers(0, 256, (PEOPLE, 4, 2, 3)).repeat(height // 4, axis=1).repeat(width // 2, axis=2)
        noise = rng.integers(-20, 20, (len(people), height, width, 3))
        pictures.append(np.clip(looks[people] + noise, 0, 255))
    return data_of(people + 10, pictures)


def noisy_data(people: int, each: int, height: int, width: int) -> TrainingData:
    """Make noise, with some of it in common to each person's pictures."""
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(people), each)
    looks = rng.integers(0, 200, (people, height, width, 3))
    return data_of(rows, [looks[rows] + rng.integers(0, 56, (len(rows), height, width, 3)) for _ in Modality])


def data_of(identities: npt.NDArray[np.int64], pictures: Sequence[npt.NDArray[Any]]) -> TrainingData:
    """Make training data of visible and infrared pictures (N, H, W, 3) of identities (N,), by a camera of each."""
    prepared = []
    for modality, images in zip(Modality, pictures, strict=True):
        samples = Samples(
            paths=np.array([f"{modality}/{row}" for row in range(len(identities))]),
            identities=identities,
            cameras=np.full(len(identities), 1 + 2 * modality),
            modalities=np.full(len(identities), modality),
        )
        rows = np.arange(len(identities))
        prepared.append(PreparedPictures(images=images.astype(np.uint8), rows=rows, samples=samples))
    return TrainingData(visible=prepared[0], infrared=prepared[1], identities=np.unique(identities))


def new_run(path: Path, config: RunConfig = CONFIG) -> RunFolder:
    described = RunData(root="data", prepared="data", dataset="sysu", identities=IDENTITIES)
    return create_run(path, config, described, replace=False)


class Figures(Validation):
    """Validation whose figures are given; it keeps the embeddings."""

    def __init__(self, pictures: Pictures, samples: Samples, figures: list[float]) -> None:
        super().__init__(pictures=pictures, samples=samples, protocol=validation_protocol("sysu", cameras=True))
        self.__dict__["remaining"] = iter(figures)
        self.__dict__["seen"] = []

    def score(self, embeddings: npt.NDArray[np.float32]) -> Mapping[str, float]:
        self.__dict__["seen"].append(embeddings)
        return {"mAP": next(self.__dict__["remaining"])}


def fit(
    data: TrainingData,
    run: RunFolder,
    config: RunConfig = CONFIG,
    *,
    resume: bool = False,
    stop_after: int | None = None,
    initial: Mapping[str, npt.NDArray[Any]] | None = None,
    validation: Validation | None = None,
) -> Watcher:
    """Train by the engine that a configuration names."""
    watcher, engine = Watcher(stop_after), load_engine(config)
    ended = engine.fit(config, data, run, observer=watcher, resume=resume, initial=initial, validation=validation)
    assert ended == (watcher.stop_after is None)
    return watcher


_OF_THIS_TIME = ("pictures_per_second", "memory")


def lines_without_rates(run: RunFolder) -> list[str]:
    return [
        json.dumps({name: value for name, value in record.items() if name not in _OF_THIS_TIME})
        for record in run.metrics()
    ]
