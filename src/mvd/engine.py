"""The seam between the toolkit and the framework that computes: what a backend takes and gives.

`fit` trains a network into a run folder; `embed` turns pictures into descriptors with weights from such a folder;
`export` writes that as a program for other runtimes;
`check` tells beforehand whether either could run here. Everything that crosses the seam is numpy, a configuration,
a path or a callback, so that no other room imports a framework. `load_backend` is the one dynamic import of the
package.

Shapes: B pictures in a batch, N pictures, D width of a descriptor, K classes.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from mvd.config import RunConfig
from mvd.data.arrays import PreparedPictures
from mvd.data.sources import Pictures
from mvd.runs import RunFolder, Tensors

T = TypeVar("T")
Modalities = npt.NDArray[np.int64]
Descriptors = npt.NDArray[np.float32]
Preprocessing: TypeAlias = Literal["inside", "outside"]
"""Whether an exported program takes pictures as they are, or normalised ones."""


class Share(Protocol):
    """Which of the processes that work together this one is.

    Attributes:
        index: from 0.
        count: of the processes; 1 where there is no other.
    """

    @property
    def index(self) -> int: ...
    @property
    def count(self) -> int: ...


class Ranks(Share, Protocol):
    """The processes that work on one run together, each of which calls the same methods in the same order."""

    def first(self, do: Callable[[], T]) -> T:
        """Let the first process do something, and give its outcome, value or error, to all."""

    def each(self, do: Callable[[], T]) -> T:
        """Do something in every process; if any of them fails, all raise the error of the first that did."""


class Alone:
    """A process that works by itself: the `Ranks` of an ordinary run."""

    index = 0
    count = 1

    def first(self, do: Callable[[], T]) -> T:
        """Do it."""
        return do()

    def each(self, do: Callable[[], T]) -> T:
        """Do it."""
        return do()


ALONE = Alone()


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """The pictures that a run trains on, both modalities of the same people.

    Attributes:
        visible: visible pictures.
        infrared: infrared pictures.
        identities: the identity of each class 0 … K - 1.
    """

    visible: PreparedPictures
    infrared: PreparedPictures
    identities: npt.NDArray[np.int64]

    def labels(self, pictures: PreparedPictures) -> npt.NDArray[np.int64]:
        """Compute the class (N,) of each picture."""
        return np.searchsorted(self.identities, pictures.samples.identities)


class Embed(Protocol):
    """A network as it stands, as a function from pictures to descriptors."""

    def __call__(self, pictures: Pictures, modalities: Modalities | None = None) -> Descriptors:
        """Compute descriptors; see `Backend.embed`."""


class StepLog(NamedTuple):
    """What is logged of the steps since the last log line: means over them.

    Attributes:
        step: steps taken so far.
        epoch: the epoch of the last of them, from 1.
        losses: the terms by name, unweighted, and "total", weighted.
        accuracy: share of the classifiers' answers that were right.
        lr: the learning rate of the last step.
        pictures_per_second: training pictures, both modalities, over the time since the last log line.
        memory: most bytes so far, by name: "resident" of the process, "device" of tensors on a device of its own; what
            a system does not tell is left out.
    """

    step: int
    epoch: int
    losses: Mapping[str, float]
    accuracy: float
    lr: float
    pictures_per_second: float
    memory: Mapping[str, int]


class SampleBatch(NamedTuple):
    """A batch as the network is trained on it.

    Attributes:
        pictures: (B, H, W, 3) uint8, augmented.
        identities: (B,) the data set's numbers of the people.
        modalities: (B,) a `Modality` each.
    """

    pictures: npt.NDArray[np.uint8]
    identities: npt.NDArray[np.int64]
    modalities: Modalities


class Observer(Protocol):
    """Who watches a run; every call is made between steps."""

    def started(self, step: int, steps: int) -> None:
        """Take note that training is at `step` of `steps`."""

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Look, after `step` steps, at the batch that comes next, if `show` is called: at the first of the run, and at
        the first after each epoch in which a validation is due.
        """

    def stepped(self, step: int) -> bool:
        """Take note of a step; answer False to stop the run, which then writes a checkpoint."""

    def logged(self, log: StepLog) -> None:
        """Take note of a log line."""

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Take note of a validation."""


class Backend(Protocol):
    """A framework that trains and runs the network."""

    def ranks(self, config: RunConfig) -> AbstractContextManager[Ranks]:
        """Join the other processes of a run, where it was launched as several; else there is nobody to join.

        An error that leaves the context ends all of them; one of them has to speak of it (`MvdError.silent`).

        Raises:
            ConfigError: the device is not there, or is no device of which each process has its own.
        """

    def check(self, config: RunConfig) -> str:
        """Look whether a configuration can run here, before anything is written.

        Returns:
            The device that it will run on.

        Raises:
            ConfigError: the device is not there, the configuration cannot be built, or the network not compiled.
        """

    def compile_obstacle(self, config: RunConfig) -> str | None:
        """Say what is missing here to compile the network, in a few words; None if nothing is.

        Raises:
            ConfigError: the device is not there.
        """

    def fit(
        self,
        config: RunConfig,
        data: TrainingData,
        run: RunFolder,
        *,
        validate: Callable[[Embed], Mapping[str, float]] | None,
        observer: Observer,
        resume: bool,
        initial: Tensors | None = None,
        ranks: Ranks = ALONE,
    ) -> bool:
        """Train, writing checkpoints and log lines to the run folder.

        Args:
            config: the run.
            data: what to train on.
            run: the folder, which has been created.
            validate: measures the network as it stands; its "mAP" decides which checkpoint is best.
            observer: who watches.
            resume: go on from the last checkpoint, to which the run has been brought back (`mvd.runs.recover`).
            initial: arrays by the names of the network that a new run starts from; what is not among them starts from
                the seed. A resumed run has no use for them.
            ranks: the processes that share each batch; only the first of them writes and is watched.

        Returns:
            Whether the run came to its end, rather than being stopped by the observer.

        Raises:
            TrainingError: a loss or a weight is no longer finite.
            CheckpointError: the checkpoint to go on from does not fit.
            ConfigError: the device is not there.
        """

    def embed(
        self,
        config: RunConfig,
        classes: int,
        checkpoint: Path | None,
        pictures: Pictures,
        *,
        modalities: Modalities | None = None,
        ranks: Ranks = ALONE,
    ) -> Descriptors:
        """Compute descriptors.

        Args:
            config: the run.
            classes: K of that run.
            checkpoint: the weights; None for the network as it is before training.
            pictures: N of them.
            modalities: (N,), a `Modality` for each picture in order; None where they are not known, which only a
                network with a stem for each refuses.
            ranks: the processes that share the pictures; each of them gets all descriptors.

        Returns:
            (N, D) float32.

        Raises:
            CheckpointError: the weights do not fit.
            ConfigError: the device is not there, or the network needs modalities.
        """

    def export(
        self, config: RunConfig, classes: int, checkpoint: Path | None, file: Path, *, preprocessing: Preprocessing
    ) -> None:
        """Write the network as an ONNX program from pictures to descriptors, in float32, of any number of pictures.

        Args:
            config: the run, which gives H × W.
            classes: K of that run.
            checkpoint: the weights; None for the network as it is before training.
            file: the ONNX file to write.
            preprocessing: "inside" takes "pictures" (B, H, W, 3) uint8, RGB; "outside" takes "images" (B, 3, H, W)
                float32, normalised. A network with a stem for each modality takes "modalities" (B,) int64 besides. It
                gives "descriptors" (B, D) float32.

        Raises:
            CheckpointError: the weights do not fit.
            ConfigError: a package that it needs is not installed.
        """


def load_backend(config: RunConfig) -> Backend:
    """Import the backend that a run asks for."""
    # PyTorch would load every extension for a device that is installed, and fail with any of them that is broken; a
    # device is looked for when a run asks for it.
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
    return cast("Backend", importlib.import_module("mvd.training.engine").BACKEND)
