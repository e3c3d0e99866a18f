"""Log lines: what steps yield, gathered on the device and brought to the host now and then."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from mvd.backends import Observer, StepLog
from mvd.config import RunConfig
from mvd.errors import TrainingError
from mvd.runs import RunFolder
from mvd.schedules import lr_factor


class StepLogger:
    """Gathers what steps yield, on the device, and makes a log line of it now and then."""

    def __init__(
        self, run: RunFolder, observer: Observer, config: RunConfig, steps: int, *, writes: bool = True
    ) -> None:
        self.run = run
        self.writes = writes
        self.observer = observer
        self.config = config
        self.steps = steps
        self.pending: list[tuple[int, dict[str, Tensor]]] = []
        self.pictures = 0
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave what happened since the last log line, such as a validation, out of the next rate."""
        self.since = time.perf_counter()

    def add(self, step: int, values: dict[str, Tensor], pictures: int) -> None:
        """Take in what a step, counted from 0, yielded."""
        self.pending.append((step, values))
        self.pictures += pictures

    def flush(self) -> None:
        """Write a log line of the steps since the last, if there are any.

        Raises:
            TrainingError: one of their losses is not finite.
        """
        if not self.pending:
            return
        names = list(self.pending[0][1])
        table = torch.stack([torch.stack(list(values.values())) for _, values in self.pending]).double().cpu()
        self._check(names, table)
        step = self.pending[-1][0]
        means = dict(zip(names, table.mean(dim=0).tolist(), strict=True))
        seconds = time.perf_counter() - self.since
        log = StepLog(
            step=step + 1,
            epoch=step // self.steps + 1,
            accuracy=means.pop("accuracy"),
            losses=means,
            lr=self.config.optimizer.lr * lr_factor(self.config.schedule, step, self.steps),
            pictures_per_second=self.pictures / seconds,
        )
        if self.writes:
            self.run.log(log._asdict())
        self.observer.logged(log)
        self.pending, self.pictures = [], 0
        self.restart_clock()

    def _check(self, names: list[str], table: Tensor) -> None:
        wrong = (~torch.isfinite(table)).nonzero().tolist()
        if wrong:
            row, column = wrong[0]
            step, value = self.pending[row][0] + 1, table[row, column].item()
            raise TrainingError(gone_wrong(self.run, step, f"loss {names[column]}", str(value)))


def gone_wrong(run: RunFolder, step: int, what: str, found: str) -> str:
    """Say what is no longer finite, and what is left to go on from."""
    last = run.checkpoint("last")
    kept = f"the last good checkpoint is {last}" if last.exists() else "no checkpoint had been written yet"
    return (
        f"step {step}: expected a finite {what}, found {found}; stopped, {kept}; "
        f"try a lower --optimizer.lr or --runtime.precision fp32"
    )
