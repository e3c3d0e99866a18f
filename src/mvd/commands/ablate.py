"""`mvd ablate`: the paper's ladder of terms, trained and tested rung by rung at equal budget and with equal seeds.

Each rung adds one thing to the one below: specific and shared encoders; information bottlenecks; VSD; VCD; VML; CML.
All may start from the same pre-trained encoders. Each run is tested by its observations and, where it has bottlenecks,
by its representations too.

A run is an ordinary run folder, so an ablation that was stopped goes on where it was: finished runs are read, stopped
ones resumed, the rest begun. Runs are independent; several may go on at once, each in a process of its own with its
share of the cores.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from mvd.commands.evaluate import evaluate
from mvd.commands.train import resume, train
from mvd.config import Descriptor, LossConfig, RunConfig
from mvd.data.images import worker_count
from mvd.errors import ConfigError, RunError, TrainingError
from mvd.report.ablation import Figures, RungResult
from mvd.runs import RunFolder, open_run, write_json
from mvd.runs.observer import Observer
from mvd.weights.load import load_pretrained

Progress = Callable[[int, int], None]

_CML_WEIGHT = 8.0  # of the PyTorch release; recipes without the term have none to offer


class Rung(NamedTuple):
    """One step of the ladder: a name for folders, what it adds, and the configuration."""

    name: str
    adds: str
    config: RunConfig


def ladder(base: RunConfig) -> list[Rung]:
    """Make the rungs from a configuration, whose own weights are used where it has any.

    Raises:
        ConfigError: the configuration has a single encoder, which the ladder does not start from.
    """
    if base.model.encoders != "mvd":
        raise ConfigError(
            f"model.encoders: expected mvd, whose parts are added one by one, found {base.model.encoders}"
        )
    usual, own = LossConfig(), base.losses
    bare = replace(own, vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, cml_weight=0.0)
    vsd = replace(bare, vsd_weight=own.vsd_weight or usual.vsd_weight)
    vcd = replace(vsd, vcd_weight=own.vcd_weight or usual.vcd_weight)
    vml = replace(vcd, vml_weight=own.vml_weight or usual.vml_weight)
    cml = replace(vml, cml_weight=own.cml_weight or _CML_WEIGHT)
    bottlenecks = replace(base.model, bottleneck=True)
    encoders = replace(base.model, bottleneck=False, descriptor="observation")  # there is nothing else
    return [
        Rung("encoders", "specific + shared encoders", replace(base, model=encoders, losses=bare)),
        Rung("bottlenecks", "+ bottlenecks", replace(base, model=bottlenecks, losses=bare)),
        Rung("vsd", "+ VSD", replace(base, model=bottlenecks, losses=vsd)),
        Rung("vcd", "+ VCD", replace(base, model=bottlenecks, losses=vcd)),
        Rung("vml", "+ VML", replace(base, model=bottlenecks, losses=vml)),
        Rung("cml", "+ CML", replace(base, model=bottlenecks, losses=cml)),
    ]


def ablate(
    data: Path,
    out: Path,
    base: RunConfig,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    prepared: Path | None = None,
    pretrained: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[RungResult]:
    """Train and test every rung with every seed.

    The figures are also written to `out`/ablation.json.

    Args:
        data: the data set's folder, or the table of one's own pictures; its arrays are prepared.
        out: folder of the runs, `out`/<rung>/seed-<seed>.
        base: what all runs have in common.
        seeds: of the runs; each rung has one run with each.
        prepared: the folder of the prepared arrays, where it is not where `mvd prepare` puts them.
        pretrained: weights that the encoders of every run start from, as for `train`.
        workers: runs at a time; they share the cores.
        progress: called with (runs done, runs in all).

    Returns:
        The rungs from the lowest.

    Raises:
        ConfigError: no or equal seeds, no worker, or a configuration that has no such ladder.
        RunError: a folder in `out` holds a run of another configuration, or with other pre-trained weights.
        MvdError: as for `train` and `evaluate`.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError(f"seeds: expected at least one, each once, found {' '.join(map(str, seeds)) or 'none'}")
    if workers < 1:
        raise ConfigError(f"workers: expected at least 1, found {workers}")
    rungs = ladder(base)
    if pretrained is not None:
        load_pretrained(pretrained, base.model)  # for what may be wrong with it, before anything is written
    # Seed by seed, so that a stopped ablation has whole ladders to show.
    jobs = [
        _Job(out / rung.name / f"seed-{seed}", data, prepared, pretrained, replace(rung.config, seed=seed))
        for seed in seeds
        for rung in rungs
    ]
    figures: dict[Path, dict[Descriptor, _Figures]] = {}
    for folder, found in _work(jobs, workers):
        figures[folder] = found
        if progress is not None:
            progress(len(figures), len(jobs))
    results = [
        RungResult(
            name=rung.name,
            adds=rung.adds,
            figures=_over_seeds([figures[out / rung.name / f"seed-{seed}"] for seed in seeds]),
        )
        for rung in rungs
    ]
    record = {"seeds": list(seeds), "rungs": [{"name": r.name, "adds": r.adds, "figures": r.figures} for r in results]}
    write_json(out / "ablation.json", record)
    return results


_FIGURES = "figures.json"
"""What a run was found to reach, in its folder."""

_DESCRIPTORS: tuple[Descriptor, ...] = ("observation", "representation")
_Figures = Mapping[str, Mapping[str, float]]  # protocol → name → mean over trials


class _Job(NamedTuple):
    """One run: where it goes, what it trains on, and its configuration."""

    folder: Path
    data: Path
    prepared: Path | None
    pretrained: Path | None
    config: RunConfig


def _work(jobs: Sequence[_Job], workers: int) -> Iterator[tuple[Path, dict[Descriptor, _Figures]]]:
    if workers == 1:
        yield from ((job.folder, _run(job)) for job in jobs)
        return
    threads = max(1, worker_count(0) // workers)
    # Spawned processes start clean: the number of threads must be set before a framework is loaded.
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_limit_threads, initargs=(threads,)
    ) as pool:
        waiting = {pool.submit(_run, job): job.folder for job in jobs}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "expected every run's process to live, found one killed, for lack of memory perhaps; start the same "
                "command again with fewer --workers: finished runs are kept"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _limit_threads(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)


def _run(job: _Job) -> dict[Descriptor, _Figures]:
    """Train and test, or go on with that, or read what was found."""
    begun = (job.folder / "config.json").is_file()
    if begun:
        _require_own(job)
    record = job.folder / _FIGURES
    if begun and record.is_file():
        found: dict[Descriptor, _Figures] = json.loads(record.read_text(encoding="utf-8"))
        return found
    run = _go_on(job) if begun else _begin(job)
    figures: dict[Descriptor, _Figures] = {
        descriptor: {result.protocol: result.mean._asdict() for result in evaluate(run.path, descriptor=descriptor)}
        for descriptor in (_DESCRIPTORS if job.config.model.bottleneck else _DESCRIPTORS[:1])
    }
    write_json(record, figures)
    return figures


def _require_own(job: _Job) -> None:
    """Refuse a run that is not the job's."""
    run = open_run(job.folder)
    if run.config != job.config:
        raise RunError(
            f"{job.folder}: expected a run of this ablation, found one of another configuration; choose another --out"
        )
    if run.data.pretrained != (None if job.pretrained is None else str(job.pretrained.resolve())):
        raise RunError(
            f"{job.folder}: expected a run that started from {job.pretrained or 'no weights'}, found one that started "
            f"from {run.data.pretrained or 'none'}; choose another --out"
        )


def _begin(job: _Job) -> RunFolder:
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    return train(
        job.data,
        job.folder,
        job.config,
        observer=Observer(),
        prepared=job.prepared,
        pretrained=job.pretrained,
    )[0]


def _go_on(job: _Job) -> RunFolder:
    return resume(job.folder, observer=Observer())[0]


def _over_seeds(runs: Sequence[Mapping[Descriptor, _Figures]]) -> dict[str, Figures]:
    return {
        descriptor: {
            protocol: {name: tuple(run[descriptor][protocol][name] for run in runs) for name in names}
            for protocol, names in protocols.items()
        }
        for descriptor, protocols in runs[0].items()
    }
