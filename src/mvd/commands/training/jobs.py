"""Train and test the runs of a table, such as an ablation's, one after another or in parallel.

Every run is an ordinary run folder with its test figures in it, so that a stopped table can be continued: finished runs
are read, stopped runs are resumed, and the others are started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import NamedTuple

from mvd.commands.results.evaluate import evaluate, is_own_data
from mvd.commands.training.figures import FIGURES, RunFigures, read_figures
from mvd.commands.training.train import resume, train
from mvd.config import Descriptor, RunConfig
from mvd.config.changes import find_changes
from mvd.data.layouts import scan
from mvd.data.workers import process_pool, worker_count
from mvd.errors import ConfigError, RunError, TrainingError
from mvd.files.locks import folder_locked
from mvd.files.regular import real_path
from mvd.files.several import several
from mvd.runs import open_run, write_json
from mvd.runs.mistaken import is_run
from mvd.runs.observer import Observer
from mvd.weights.load import pretrained_file


class Job(NamedTuple):
    """One run.

    Attributes:
        folder: the run folder.
        data: folder or table of the data set.
        prepared: folder of the prepared arrays, if it is not the default.
        pretrained: initial weights.
        config: the configuration.
        descriptors: the descriptors to evaluate.
    """

    folder: Path
    data: Path
    prepared: Path | None
    pretrained: Path | None
    config: RunConfig
    descriptors: tuple[Descriptor, ...]


def check_seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    """Return seeds, or one, as a tuple of Python's integers; check that there are some, and that they are distinct.

    Raises:
        ConfigError: there are no seeds, two are equal, or one is no whole number or out of range.
    """
    found = several(seeds)
    try:
        seeds = tuple(map(index, found))
    except TypeError as error:
        raise ConfigError(f"seeds: expected whole numbers, found {' '.join(map(str, found))}") from error
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError(f"seeds: expected at least one, each once, found {' '.join(map(str, seeds)) or 'none'}")
    for seed in seeds:
        RunConfig(seed=seed)  # raises the error of one that is out of range
    return seeds


def check_workers(workers: int) -> None:
    """Check the number of workers; 0 is refused, although it means one per core elsewhere.

    Raises:
        ConfigError: the number is not positive, or absurdly large.
    """
    if worker_count(workers) != workers:
        raise ConfigError(f"workers: expected at least 1, found {workers}")


def require_several(out: Path) -> None:
    """Check that a folder is not that of a run, among whose files other runs would be lost.

    Raises:
        RunError: it is.
    """
    if is_run(out):
        raise RunError(f"{out}: expected a folder for several runs, found a run; choose another --out")


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Create the folder of the runs, and hold its lock.

    Raises:
        BusyError: another process works in the folder.
        RunError: the folder cannot be created, or is that of a run.
    """
    require_several(out)
    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            stack.enter_context(folder_locked(out))
        except OSError as error:
            raise RunError(
                f"{out}: expected a folder to write runs to, could not make it ({error.strerror or error}); choose "
                f"another --out"
            ) from error
        yield


def finished(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Path, RunFigures]]:
    """Train and test the runs, and yield folder and figures of each as it finishes.

    Args:
        jobs: the runs.
        workers: number of parallel runs, which share the cores.

    Raises:
        TrainingError: a run's process was killed.
        MvdError: as for `train` and `evaluate`.
    """
    for job in jobs:  # before the first one takes hours
        if (job.folder / "config.json").is_file():
            require_config(job.folder, job.config)
    if workers == 1:
        yield from ((job.folder, run_job(job)) for job in jobs)
        return
    threads = max(1, worker_count(0) // workers)
    with process_pool(workers, threads=threads) as pool:
        waiting = {pool.submit(run_job, job): job.folder for job in jobs}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "expected every run's process to live, found one killed, perhaps for lack of memory; run the same "
                "command again with fewer --workers: finished runs are kept"
            ) from error


def run_job(job: Job) -> RunFigures:
    """Train and test a run, resume it, or read its figures if it is finished.

    Raises:
        RunError: the folder contains another run.
        MvdError: as for `train` and `evaluate`.
    """
    folder, record = job.folder, job.folder / FIGURES
    if (folder / "config.json").is_file():
        _require_same(job)
        if record.is_file():
            return read_figures(folder, job.descriptors)
        resume(folder, observer=Observer(), tested=True)
    else:
        train(
            job.data,
            folder,
            job.config,
            observer=Observer(),
            prepared=job.prepared,
            pretrained=job.pretrained,
            tested=True,
        )
    figures: RunFigures = {
        descriptor: {scores.protocol: scores.mean._asdict() for scores in evaluate(folder, descriptor=descriptor)}
        for descriptor in job.descriptors
    }
    write_json(record, figures)
    return figures


def require_config(folder: Path, config: RunConfig) -> None:
    """Refuse a run with another configuration, apart from its runtime.

    Raises:
        RunError: it has another, or is damaged.
    """
    found = open_run(folder).config
    # A run stores the framework that "auto" selected.
    if others := differing_fields(found, replace(config, framework=found.framework)):
        raise RunError(
            f"{folder}: expected a run of this table, found one of another configuration ({', '.join(others[:3])}"
            f"{' …' if len(others) > 3 else ''}); choose another --out, or another name for the row"
        )


def differing_fields(one: RunConfig, other: RunConfig) -> list[str]:
    """List the fields in which two configurations differ, apart from those of the runtime."""
    return list(find_changes(replace(one, runtime=other.runtime), other))


def _require_same(job: Job) -> None:
    """Refuse a folder that contains another run."""
    require_config(job.folder, job.config)
    run = open_run(job.folder)
    dataset = scan(job.data, trial=job.config.data.trial)
    if not is_own_data(run.data, dataset, job.data):
        raise RunError(
            f"{job.folder}: expected a run on {job.data}, found one on {run.data.root}; choose another --out"
        )
    if run.data.pretrained != (None if job.pretrained is None else str(real_path(pretrained_file(job.pretrained)))):
        raise RunError(
            f"{job.folder}: expected a run that started from {job.pretrained or 'no weights'}, found one that started "
            f"from {run.data.pretrained or 'none'}; choose another --out"
        )
