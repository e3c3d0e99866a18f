"""Observers of a training run: progress bars, TensorBoard, state.json.

All methods are called between two steps. `Observer` ignores all events; subclasses override the methods they need.

Shapes: B pictures in a batch, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt


class StepLog(NamedTuple):
    """A log line: means over the steps since the last one.

    Attributes:
        step: number of steps taken so far.
        epoch: epoch of the last step, from 1.
        losses: loss terms by name, unweighted, and "total", the weighted sum.
        accuracy: fraction of correct predictions of the classifiers.
        lr: the learning rate of the last step.
        pictures_per_second: training pictures of both modalities per second since the last log line.
        memory: peak bytes so far by name: "resident" of the process, "device" of tensors on an accelerator; values that
            the system does not report are missing.
    """

    step: int
    epoch: int
    losses: Mapping[str, float]
    accuracy: float
    lr: float
    pictures_per_second: float
    memory: Mapping[str, int]


class SampleBatch(NamedTuple):
    """A training batch, as the network sees it.

    Attributes:
        pictures: (B, H, W, 3) uint8, augmented.
        identities: (B,) numbers of the identities in the data set.
        modalities: (B,) int64, a `Modality` each.
    """

    pictures: npt.NDArray[np.uint8]
    identities: npt.NDArray[np.int64]
    modalities: npt.NDArray[np.int64]


class Matched(Protocol):
    """Report of the tensors that a network took from a weights file, by name (`mvd.weights.load`)."""

    @property
    def matched(self) -> Sequence[str]: ...
    @property
    def left_over(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def notes(self) -> Sequence[str]: ...


class Observer:
    """Observes a training run; this base class ignores all events."""

    def initialised(self, report: Matched) -> None:
        """Pre-trained weights were loaded; `report` lists their tensors."""

    def started(self, step: int, steps: int) -> None:
        """Training is about to start or continue at `step` of `steps`."""

    def noted(self, line: str) -> None:
        """A remark on how the run is computed was made, before the start."""

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """The next batch can be viewed by calling `show`.

        Called before the first step of the run, and before the first step after each epoch with a validation.
        """

    def stepped(self, step: int) -> bool:
        """A step was taken; return False to stop the run, which then writes a checkpoint."""
        return True

    def logged(self, log: StepLog) -> None:
        """A log line was written."""

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """A validation ended."""


class Observers(Observer):
    """Combines several observers; any of them can stop the run."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def initialised(self, report: Matched) -> None:
        for observer in self._observers:
            observer.initialised(report)

    def started(self, step: int, steps: int) -> None:
        for observer in self._observers:
            observer.started(step, steps)

    def noted(self, line: str) -> None:
        for observer in self._observers:
            observer.noted(line)

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        for observer in self._observers:
            observer.sampled(step, show)

    def stepped(self, step: int) -> bool:
        answers = [observer.stepped(step) for observer in self._observers]  # call all of them, without short-circuit
        return all(answers)

    def logged(self, log: StepLog) -> None:
        for observer in self._observers:
            observer.logged(log)

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        for observer in self._observers:
            observer.validated(epoch, metrics, best=best)


class StopOnly(Observer):
    """Only forwards requests to stop: the observer of a process that does not report."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def stepped(self, step: int) -> bool:
        return self._observer.stepped(step)


class Stopper(Observer):
    """Stops the run after `stop` was called."""

    def __init__(self) -> None:
        self._stopping = False

    def stop(self) -> None:
        """Ask the run to stop."""
        self._stopping = True

    def stepped(self, step: int) -> bool:
        return not self._stopping
