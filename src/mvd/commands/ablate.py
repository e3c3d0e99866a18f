"""`mvd ablate`: the paper's ladder of terms, trained and tested rung by rung with equal budget and equal seeds.

Each rung adds one thing to the one below: specific and shared encoders; information bottlenecks; VSD; VCD; VML; CML.
All may start from the same pre-trained encoders. Each run is tested by its observations and, if it has bottlenecks, by
its representations too.

Every run is an ordinary run folder, so a stopped ablation continues: finished runs are read, stopped ones resumed, the
others started. Several runs can be trained at once, each in a process of its own with its share of the cores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from mvd.commands.evaluate import evaluate, is_own_data
from mvd.commands.train import resume, train
from mvd.config import Descriptor, LossConfig, RunConfig
from mvd.config.recipes import resolve_config
from mvd.data.arrays import Progress
from mvd.data.layouts import scan
from mvd.data.workers import process_pool, worker_count
from mvd.errors import ConfigError, RunError, TrainingError
from mvd.files.locks import folder_locked
from mvd.files.strict_json import parse_json
from mvd.results.ablation import RungResult, SeedFigures
from mvd.runs import open_run, write_json
from mvd.runs.observer import Observer
from mvd.weights.load import load_pretrained

_FIGURES = "figures.json"
"""The test figures of a run, in its folder."""

_DESCRIPTORS: tuple[Descriptor, ...] = ("observation", "representation")
_CML_WEIGHT = 8.0  # of the PyTorch release, for recipes without the term

_RunFigures: TypeAlias = Mapping[Descriptor, Mapping[str, Mapping[str, float]]]  # descriptor → protocol → name → mean


class Rung(NamedTuple):
    """One step of the ladder: its name, what it adds to the one below, and the configuration."""

    name: str
    adds: str
    config: RunConfig


def ladder(base: RunConfig) -> list[Rung]:
    """Make the rungs from a configuration; the weights of its own terms are kept.

    Raises:
        ConfigError: the configuration has a single encoder.

    Example:
        >>> [rung.name for rung in ladder(RunConfig())]
        ['encoders', 'bottlenecks', 'vsd', 'vcd', 'vml', 'cml']
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
    encoders = replace(base.model, bottleneck=False, descriptor="observation")  # the only one it has
    return [
        Rung("encoders", "specific + shared encoders", replace(base, model=encoders, losses=bare)),
        Rung("bottlenecks", "+ bottlenecks", replace(base, model=bottlenecks, losses=bare)),
        Rung("vsd", "+ VSD", replace(base, model=bottlenecks, losses=vsd)),
        Rung("vcd", "+ VCD", replace(base, model=bottlenecks, losses=vcd)),
        Rung("vml", "+ VML", replace(base, model=bottlenecks, losses=vml)),
        Rung("cml", "+ CML", replace(base, model=bottlenecks, losses=cml)),
    ]


def ablate(
    data: str | Path,
    out: str | Path,
    config: RunConfig | str = "mvd",
    *,
    seeds: Sequence[int] = (0, 1, 2),
    prepared: str | Path | None = None,
    pretrained: str | Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[RungResult]:
    """Train and test every rung with every seed.

    The figures are also written to `out`/ablation.json.

    Args:
        data: the data set's folder, or the table of own pictures; its arrays are prepared.
        out: folder of the runs, `out`/<rung>/seed-<seed>.
        config: the configuration that all runs share, or the name of a recipe.
        seeds: each rung is trained once with each.
        prepared: the folder of the prepared arrays, if `mvd prepare` wrote them elsewhere than by default.
        pretrained: weights that the encoders of every run start from, as for `train`.
        workers: runs at a time; they share the cores.
        progress: called with (runs done, runs in all).

    Returns:
        The rungs from the lowest.

    Raises:
        ConfigError: no or equal seeds, no worker, or a configuration without such a ladder.
        BusyError: another ablation is at work in `out`.
        RunError: `out` cannot be written, or a folder in it holds a run of another configuration, or with other
            pre-trained weights.
        MvdError: as for `train` and `evaluate`.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError(f"seeds: expected at least one, each once, found {' '.join(map(str, seeds)) or 'none'}")
    if worker_count(workers) != workers:  # 0 would be all cores
        raise ConfigError(f"workers: expected at least 1, found {workers}")
    data, out, base = Path(data), Path(out), resolve_config(config)
    prepared = None if prepared is None else Path(prepared)
    pretrained = None if pretrained is None else Path(pretrained)
    rungs = ladder(base)
    if pretrained is not None:
        load_pretrained(pretrained, base.model)  # fails before anything is written
    # Seed by seed, so that a stopped ablation has complete ladders.
    jobs = [
        _Job(out / rung.name / f"seed-{seed}", data, prepared, pretrained, replace(rung.config, seed=seed))
        for seed in seeds
        for rung in rungs
    ]
    figures: dict[Path, _RunFigures] = {}
    with _claimed(out):
        for folder, found in _finished(jobs, workers):
            figures[folder] = found
            if progress is not None:
                progress(len(figures), len(jobs))
    results = [_join_seeds(rung, [figures[out / rung.name / f"seed-{seed}"] for seed in seeds]) for rung in rungs]
    write_json(out / "ablation.json", {"seeds": list(seeds), "rungs": [asdict(result) for result in results]})
    return results


@contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Make the folder of the runs, and hold its lock."""
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


class _Job(NamedTuple):
    """One run: its folder, its data, and its configuration."""

    folder: Path
    data: Path
    prepared: Path | None
    pretrained: Path | None
    config: RunConfig


def _finished(jobs: Sequence[_Job], workers: int) -> Iterator[tuple[Path, _RunFigures]]:
    """Yield folder and figures of each run as it is finished."""
    if workers == 1:
        yield from ((job.folder, _run(job)) for job in jobs)
        return
    threads = max(1, worker_count(0) // workers)
    with process_pool(workers, threads=threads) as pool:
        waiting = {pool.submit(_run, job): job.folder for job in jobs}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "expected every run's process to live, found one killed, perhaps for lack of memory; run the same "
                "command again with fewer --workers: finished runs are kept"
            ) from error


def _run(job: _Job) -> _RunFigures:
    """Train and test a run, continue it, or read its figures."""
    folder, record = job.folder, job.folder / _FIGURES
    if (folder / "config.json").is_file():
        _require_same(job)
        if record.is_file():
            return _read_figures(record)
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
    figures = {
        descriptor: {scores.protocol: scores.mean._asdict() for scores in evaluate(folder, descriptor=descriptor)}
        for descriptor in (_DESCRIPTORS if job.config.model.bottleneck else _DESCRIPTORS[:1])
    }
    write_json(record, figures)
    return figures


def _read_figures(file: Path) -> _RunFigures:
    try:
        found: _RunFigures = parse_json(file.read_text(encoding="utf-8"))
        figures = [value for protocols in found.values() for means in protocols.values() for value in means.values()]
        if not figures or any(type(value) not in (int, float) for value in figures):
            raise ValueError("no figures")
    except (ValueError, AttributeError) as error:
        raise RunError(
            f"{file}: expected the figures of a run, found something else ({error}); delete the file, and start the "
            f"same command again"
        ) from error
    return found


def _require_same(job: _Job) -> None:
    """Refuse a folder that holds another run."""
    run = open_run(job.folder)
    if replace(run.config, runtime=job.config.runtime) != job.config:
        raise RunError(
            f"{job.folder}: expected a run of this ablation, found one of another configuration; choose another --out"
        )
    dataset = scan(job.data, trial=job.config.data.trial)
    if not is_own_data(run.data, dataset, job.data):
        raise RunError(
            f"{job.folder}: expected a run on {job.data}, found one on {run.data.root}; choose another --out"
        )
    if run.data.pretrained != (None if job.pretrained is None else str(job.pretrained.resolve())):
        raise RunError(
            f"{job.folder}: expected a run that started from {job.pretrained or 'no weights'}, found one that started "
            f"from {run.data.pretrained or 'none'}; choose another --out"
        )


def _join_seeds(rung: Rung, runs: Sequence[_RunFigures]) -> RungResult:
    figures: dict[str, SeedFigures] = {
        descriptor: {
            protocol: {name: tuple(run[descriptor][protocol][name] for run in runs) for name in names}
            for protocol, names in protocols.items()
        }
        for descriptor, protocols in runs[0].items()
    }
    return RungResult(name=rung.name, adds=rung.adds, figures=figures)
