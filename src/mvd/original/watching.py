"""Write the release's files while a run trains: result lines, and weights under the release's names.

All files are derived from the run folder, so a resumed run writes the same files as an uninterrupted run.

The weights of an epoch are kept at the first step of the next epoch, or at the end, when the run's last checkpoint is
that epoch's. The figures of an epoch are measured on the validation identities. Without validation identities they are
test figures, which are part of file names but are not used to choose weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mvd import distributed
from mvd.config import RunConfig
from mvd.files.names import one_line
from mvd.metrics.scores import Scores
from mvd.original.performance import RULER, PerformanceFile, result_lines, start_lines, step_line, validation_line
from mvd.original.program import measure
from mvd.original.weights import discard_weights, keep_weights, weights_name
from mvd.runs import RunFolder, open_run
from mvd.runs.observer import Observer, StepLog


class Watcher(Observer):
    """Writes result lines, and keeps weights in the current folder.

    Args:
        path: the run folder, which need not exist before the run starts.
        config: configuration of the run.
        protocol: the test protocol.
        save_period: number of epochs between kept weights.
        performance: the result file.
        header: its first lines, which are written when training starts: a run that is refused before leaves none.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        protocol: str,
        *,
        save_period: int,
        performance: PerformanceFile,
        header: Sequence[str] = (),
    ) -> None:
        self._path = path
        self._config = config
        self._protocol = protocol
        self._save_period = save_period
        self._performance = performance
        self._header = header
        self._first = self._steps = 0  # steps before the start; steps per epoch
        self._stopping = False

    def stop(self) -> None:
        """Ask the run to write a checkpoint and end after the current step."""
        self._stopping = True
        print("stopping after this step, with a checkpoint; Ctrl-C again to stop at once", flush=True)

    def noted(self, line: str) -> None:
        print(one_line(line), flush=True)

    def started(self, step: int, steps: int) -> None:
        self._first, self._steps = step, steps // self._config.schedule.epochs
        self._performance.write(*self._header, *start_lines())

    def stepped(self, step: int) -> bool:
        epochs, within = divmod(step - 1, self._steps)
        if within == 0 and epochs:
            self.ended(epochs)
            if step - 1 > self._first:
                self._performance.write(*start_lines())
        return not self._stopping

    def logged(self, log: StepLog) -> None:
        self._performance.write(step_line(log, self._steps, self._config))

    def validated(self, epoch: int, metrics: Mapping[str, float], *, best: bool) -> None:
        """Write the figures; new best weights replace the previous best file."""
        self._performance.write(validation_line(metrics), RULER)
        if not best:
            return
        names = [
            weights_name(
                self._config, record["epoch"], record["validation"]["rank-1"], record["validation"]["mAP"], best=True
            )
            for record in self._run.metrics()
            if record.get("best")
        ]
        keep_weights(self._run, "best", names[-1])
        for name in names[:-1]:
            discard_weights(name)

    def ended(self, epoch: int, tested: Scores | None = None) -> None:
        """Keep the weights of an epoch, if `save_period` selects it.

        Args:
            epoch: from 1.
            tested: test figures of these weights, if they were tested.
        """
        records = [record for record in self._run.metrics() if record["epoch"] == epoch]
        if epoch % self._save_period or not records:  # without records, the epoch belongs to loaded weights
            return
        validation = next((record["validation"] for record in records if "validation" in record), None)
        if validation is None:
            figures = (tested or self._test()).mean
            rank_1, average = figures.rank_1, figures.mAP
        else:
            rank_1, average = validation["rank-1"], validation["mAP"]
        keep_weights(self._run, "last", weights_name(self._config, epoch, rank_1, average))

    @property
    def _run(self) -> RunFolder:
        return open_run(self._path)

    def _test(self) -> Scores:
        """Test the last weights in this process, while the others wait for its next step."""
        with distributed.alone():
            tested = measure(self._path, self._protocol, "last")
        self._performance.write(*result_lines(tested), RULER)
        return tested
