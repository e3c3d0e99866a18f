"""train.py: train with the release's arguments, and write its result files in the current folder.

The run is an ordinary run folder below runs/, which `mvd` can resume and evaluate.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mvd.distributed.launch import process_count, process_index
from mvd.files.names import shell_words
from mvd.metrics.scores import Scores
from mvd.original.arguments import Arguments, parse_training
from mvd.original.cloud import without_credentials
from mvd.original.devices import describe_framework, launch_on_devices, require_devices
from mvd.original.jobs import Job, new_job, resumed_job
from mvd.original.performance import PerformanceFile, final_lines
from mvd.original.program import measure, notes, run_program, search_title
from mvd.original.watching import Watcher
from mvd.original.weights import keep_weights, weights_name
from mvd.reporting.terminal.interrupts import STOPPED, interruptible
from mvd.runs import RunFolder
from mvd.runs.observer import Stopper


def main(arguments: Sequence[str] | None = None) -> int:
    """Run train.py with these arguments, or the process's; the exit code is 0, 1 for a user's error, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_program("train.py", lambda: _main(parse_training(given), given))


def _main(arguments: Arguments, given: Sequence[str]) -> int:
    resumed = arguments.resume
    job = resumed_job(arguments, resumed) if resumed is not None and resumed.is_dir() else new_job(arguments)
    if arguments.devices > process_count():
        require_devices(arguments, job.computed)
        return launch_on_devices(arguments, "mvd.original.training", given)
    if process_index() > 0:
        return _take_part(job)
    performance = PerformanceFile(Path(f"{arguments.dataset}_train_performance.txt"))
    typed = shell_words(*map(without_credentials, given))
    explained = notes(arguments, arguments.device_target or "GPU", goes_on=job.resumed)
    watcher = Watcher(
        job.path,
        job.config,
        job.protocol,
        save_period=arguments.save_period,
        performance=performance,
        header=(describe_framework(job.computed), f"Args: {typed}", *explained, *job.notes),
    )
    with interruptible(watcher.stop):
        run, finished = job.start(watcher)
    if not finished:
        performance.write(f"stopped; go on with: python train.py --resume {shell_words(job.path)}")
        return STOPPED
    result = measure(job.path, job.protocol, "best")
    watcher.ended(job.config.schedule.epochs, result)
    performance.write(*final_lines(search_title(arguments), result, _choose(run, job, result)))
    return 0


def _take_part(job: Job) -> int:
    """Train and test as a further process of a distributed run; the first process writes and reports."""
    stopper = Stopper()
    with interruptible(stopper.stop):
        _, finished = job.start(stopper)
    if not finished:
        return STOPPED
    measure(job.path, job.protocol, "best")
    return 0


def _choose(run: RunFolder, job: Job, result: Scores) -> str:
    """Return how the best weights were chosen; without validation identities the last weights are stored as best."""
    best = [record["epoch"] for record in run.metrics() if record.get("best")]
    if best:
        return f"Best epoch: {best[-1]}(according to mAP of the validation people)"
    epoch = job.config.schedule.epochs
    keep_weights(run, "last", weights_name(run.config, epoch, result.mean.rank_1, result.mean.mAP, best=True))
    return f"Last epoch: {epoch}(nobody is held out to choose by)"


if __name__ == "__main__":
    sys.exit(main())
