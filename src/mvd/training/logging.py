"""Log lines: losses and accuracy, collected on the device and copied to the host once per line.

`StepLogger` does not depend on a framework; each framework has a subclass (`mvd.training.device_log`).

Lines are written after the same steps whether or not a run was stopped in between: values that are not logged yet go
into the checkpoint, and from there into the resumed run's first line.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from mvd import distributed
from mvd.config import RunConfig
from mvd.config.learning_rate import lr_factor
from mvd.errors import TrainingError
from mvd.runs import RunFolder
from mvd.runs.memory import peak_resident
from mvd.runs.observer import Observer, StepLog

Values = TypeVar("Values")
"""The values of a step on the device, such as a dictionary of tensors."""


class StepLogger(ABC, Generic[Values]):
    """Collects the values of steps on the device, and writes their means as a log line."""

    def __init__(self, run: RunFolder, observer: Observer, config: RunConfig, steps: int) -> None:
        self.run = run
        self.observer = observer
        self.config = config
        self.steps = steps
        self.pending: list[tuple[int, Values]] = []
        self.earlier: Mapping[str, list[float]] = {}  # values from before the checkpoint of a resumed run
        self.pictures = 0
        self.since = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude a block, such as a validation, from the time for pictures per second."""
        stopped = time.perf_counter()
        yield
        self.since += time.perf_counter() - stopped

    @abstractmethod
    def to_host(self, values: list[Values]) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Copy the values of several steps to the host: the names, and a table (steps, names)."""

    def memory(self) -> dict[str, int]:
        """Return the peak memory so far, in bytes by name."""
        peak = peak_resident()
        return {} if peak is None else {"resident": peak}

    def add(self, step: int, values: Values, pictures: int) -> None:
        """Add the values of a step, counted from 0."""
        self.pending.append((step, values))
        self.pictures += pictures

    def unlogged(self) -> dict[str, list[float]]:
        """Copy the values since the last log line to the host: by name, one value per step.

        Raises:
            TrainingError: a loss is not finite.
        """
        if not self.pending:
            return dict(self.earlier)
        names, table = self.to_host([values for _, values in self.pending])
        self._check(names, table)
        columns = zip(names, table.T.tolist(), strict=True)
        return {name: [*self.earlier.get(name, []), *column] for name, column in columns}

    def restore(self, unlogged: Mapping[str, list[float]]) -> None:
        """Restore the values of `unlogged` from a checkpoint."""
        self.earlier = unlogged

    def flush(self) -> None:
        """Write a log line for the steps since the last line, if any.

        Raises:
            TrainingError: a loss of these steps is not finite.
        """
        if not self.pending:
            return
        means = {name: math.fsum(values) / len(values) for name, values in self.unlogged().items()}
        step = self.pending[-1][0]
        seconds = time.perf_counter() - self.since
        log = StepLog(
            step=step + 1,
            epoch=step // self.steps + 1,
            accuracy=means.pop("accuracy"),
            losses=means,
            lr=self.config.optimizer.lr * lr_factor(self.config.schedule, step, self.steps),
            pictures_per_second=self.pictures / seconds,
            memory=self.memory(),
        )
        if distributed.is_first():
            self.run.log(log._asdict())
        self.observer.logged(log)
        self.pending, self.earlier, self.pictures = [], {}, 0
        self.since = time.perf_counter()

    def _check(self, names: list[str], table: npt.NDArray[np.float64]) -> None:
        wrong = np.argwhere(~np.isfinite(table)).tolist()
        if wrong:
            row, column = wrong[0]
            step, value = self.pending[row][0] + 1, table[row, column].item()
            raise TrainingError(diverged(self.run, step, f"loss {names[column]}", str(value)))


def diverged(run: RunFolder, step: int, what: str, found: str) -> str:
    """Write the error about a value that is no longer finite, and name the remaining checkpoint."""
    last = run.checkpoint("last")
    kept = f"the last good checkpoint is {last}" if last.exists() else "no checkpoint had been written yet"
    return (
        f"step {step}: expected a finite {what}, found {found}; stopped, {kept}; "
        f"try a lower --optimizer.lr or --runtime.precision fp32"
    )
