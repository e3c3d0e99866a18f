"""Watches a run and writes what the release writes: the result file's lines, and weights under the release's names.

Everything here follows from the run folder, so a run that was stopped and goes on is watched as one that was not.

The weights of an epoch are kept when the next epoch takes its first step, or at the end: by then the run's last
checkpoint is that epoch's. Where people are set aside for validation, an epoch's figures are theirs. Where nobody is,
they are figures of the test; they name a file and choose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mvd.config import RunConfig
from mvd.metrics.scores import Scores
from mvd.original.performance import RULER, PerformanceFile, result_lines, start_lines, step_line, validation_line
from mvd.original.weights import keep_weights, weights_name
from mvd.runs import RunFolder, open_run
from mvd.runs.observer import Observer, SampleBatch, StepLog


class Watcher(Observer):
    """An `mvd.runs.observer.Observer` for train.py.

    Args:
        path: the run folder, which need not be there before the run starts.
        config: the run.
        folder: where weights are kept.
        save_period: epochs between those.
        test: evaluates the run's last weights.
        performance: the result file.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        folder: Path,
        *,
        save_period: int,
        test: Callable[[], Scores],
        performance: PerformanceFile,
    ) -> None:
        self._path = path
        self._config = config
        self._folder = folder
        self._save_period = save_period
        self._test = test
        self._performance = performance
        self._first = self._steps = 0  # steps taken before; steps in an epoch
        self._stopping = False

    def stop(self) -> None:
        """Ask the run to write a checkpoint and end after the step at hand."""
        self._stopping = True
        print("stopping after this step, with a checkpoint; Ctrl-C again to stop at once", flush=True)

    def started(self, step: int, steps: int) -> None:
        """Take note that training is at `step` of `steps`."""
        self._first, self._steps = step, steps // self._config.schedule.epochs
        self._performance.write(*start_lines())

    def sampled(self, step: int, show: Callable[[], SampleBatch]) -> None:
        """Look at no batch."""

    def stepped(self, step: int) -> bool:
        """Take note of a step; False once the run has been asked to stop."""
        epochs, within = divmod(step - 1, self._steps)
        if within == 0 and epochs:
            self.ended(epochs)
            if step - 1 > self._first:
                self._performance.write(*start_lines())
        return not self._stopping

    def logged(self, log: StepLog) -> None:
        """Take note of a log line."""
        self._performance.write(step_line(log, self._steps, self._config))

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Take note of a validation; the best weights so far are kept at once, in place of those before."""
        self._performance.write(validation_line(metrics), RULER)
        if not best:
            return
        names = [
            weights_name(record["epoch"], record["validation"]["rank-1"], record["validation"]["mAP"], best=True)
            for record in self._run.metrics()
            if record.get("best")
        ]
        keep_weights(self._run, "best", self._folder / names[-1])
        for name in names[:-1]:
            (self._folder / name).unlink(missing_ok=True)

    def ended(self, epoch: int, tested: Scores | None = None) -> None:
        """Keep the weights of an epoch, if it is one of those that are kept.

        Args:
            epoch: from 1.
            tested: test figures of these weights, if there are any already.
        """
        records = [record for record in self._run.metrics() if record["epoch"] == epoch]
        if epoch % self._save_period or not records:  # no records: weights from elsewhere, of which that is the epoch
            return
        validation = next((record["validation"] for record in records if "validation" in record), None)
        if validation is None:
            rank_1, average = self._tested(tested)
        else:
            rank_1, average = validation["rank-1"], validation["mAP"]
        keep_weights(self._run, "last", self._folder / weights_name(epoch, rank_1, average))

    @property
    def _run(self) -> RunFolder:
        return open_run(self._path)

    def _tested(self, tested: Scores | None) -> tuple[float, float]:
        """Give rank-1 and mAP of a test, which is made if it has not been."""
        if tested is None:
            tested = self._test()
            self._performance.write(*result_lines(tested), RULER)
        return tested.mean.rank_1, tested.mean.mAP
