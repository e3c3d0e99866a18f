"""train.py: a run under the release's arguments, with the release's result files in the folder where it is started.

The run itself is an ordinary run folder below runs/; `mvd` can go on with it and evaluate it.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from mvd import distributed
from mvd.commands.evaluate import Weights, evaluate
from mvd.distributed.launch import process_count, process_index
from mvd.metrics.scores import Scores
from mvd.original.arguments import Arguments, parse_training
from mvd.original.devices import count_devices, launch_on_devices
from mvd.original.jobs import Job, begin, go_on
from mvd.original.performance import PerformanceFile, final_lines
from mvd.original.program import STOPPED, counting, notes, run_program, search_title
from mvd.original.watching import Watcher
from mvd.original.weights import keep_weights, weights_name
from mvd.report.interrupts import interruptible
from mvd.runs import RunFolder
from mvd.runs.observer import Stopper


def main(arguments: Sequence[str] | None = None) -> int:
    """Run train.py.

    Args:
        arguments: without the program's name; those of the process, if not given.

    Returns:
        The exit code: 0 done, 1 something was wrong with what was given, 130 stopped by Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    return run_program("train.py", lambda: _main(parse_training(given), given))


def _main(arguments: Arguments, given: Sequence[str]) -> int:
    resumed = arguments.resume
    job = go_on(arguments, resumed) if resumed is not None and resumed.is_dir() else begin(arguments)
    if count_devices(arguments) > process_count():
        return launch_on_devices(arguments, "mvd.original.training", given)
    if process_index() > 0:
        return _take_part(job)
    performance = PerformanceFile(Path(f"{arguments.dataset}_train_performance.txt"))
    performance.write(f"Args: {shlex.join(given)}", *notes(arguments), *job.notes)
    watcher = Watcher(
        job.path,
        job.config,
        Path(),
        save_period=arguments.save_period,
        test=lambda: _test_alone(job, "last"),
        performance=performance,
    )
    with interruptible(watcher.stop):
        run, ended = job.start(watcher)
    if not ended:
        performance.write(f"stopped; go on with: python train.py --resume {shlex.quote(str(job.path))}")
        return STOPPED
    result = _test(job, "best")
    watcher.ended(job.config.schedule.epochs, result)
    performance.write(*final_lines(search_title(arguments), result, _choose(run, job, result)))
    return 0


def _take_part(job: Job) -> int:
    """Train and test with the first process, which does all the rest."""
    stopper = Stopper()
    with interruptible(stopper.stop):
        _, ended = job.start(stopper)
    if not ended:
        return STOPPED
    _test(job, "best")
    return 0


def _choose(run: RunFolder, job: Job, result: Scores) -> str:
    """Say how the weights were chosen; where nobody is held out to choose by, they are the last, and kept as best."""
    best = [record["epoch"] for record in run.metrics() if record.get("best")]
    if best:
        return f"Best epoch: {best[-1]}(according to mAP of the validation people)"
    epoch = job.config.schedule.epochs
    keep_weights(run, "last", Path(weights_name(epoch, result.mean.rank_1, result.mean.mAP, best=True)))
    return f"Last epoch: {epoch}(nobody is held out to choose by)"


def _test(job: Job, weights: Weights) -> Scores:
    with counting("testing") as progress:
        (result,) = evaluate(job.path, protocols=[job.protocol], weights=weights, progress=progress)
    return result


def _test_alone(job: Job, weights: Weights) -> Scores:
    """Test in this process, while the others wait for its next step."""
    with distributed.alone():
        return _test(job, weights)


if __name__ == "__main__":
    sys.exit(main())
