"""`mvd ablate`: train and test settings with equal budgets and seeds: the paper's ladder, or custom settings.

Each rung of the ladder adds one component to the rung below: specific and shared encoders; information bottlenecks;
VSD; VCD; VML; CML. Custom settings are each compared with the unchanged configuration. All may start from the
same pre-trained encoders. Each run is tested by its observations and, if it has bottlenecks, by its representations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from mvd.commands.data.training_data import load_training
from mvd.commands.engine import load_engine
from mvd.commands.results.evaluate import prepare_test
from mvd.commands.training.figures import FIGURES, RunFigures, require_one_kind
from mvd.commands.training.jobs import Job, check_seeds, check_workers, claimed, finished
from mvd.commands.training.rehearsal import rehearse_folder
from mvd.commands.training.row_names import require_row_names
from mvd.config import Descriptor, LossConfig, RunConfig
from mvd.config.recipes import resolve_config
from mvd.data.layouts import scan
from mvd.data.prepared.arrays import default_folder
from mvd.data.progress import Progress
from mvd.errors import ConfigError
from mvd.results.ablation import RungResult, SeedFigures
from mvd.runs import write_json
from mvd.weights.load import load_pretrained

_DESCRIPTORS: tuple[Descriptor, ...] = ("observation", "representation")
_CML_WEIGHT = 8.0  # weight in the PyTorch release, for recipes without the term
_BASE = "as it is"
"""Name of the unchanged configuration."""
_TABLE = "ablation.json"


class Rung(NamedTuple):
    """A setting: its name and folder, the addition, the configuration, and the setting that it is compared with."""

    name: str
    adds: str
    config: RunConfig
    against: str | None


def ladder(base: RunConfig) -> list[Rung]:
    """Build the rungs of the ladder from a configuration, with the weights of its loss terms.

    Raises:
        ConfigError: the configuration has a single encoder.

    Example:
        >>> [rung.name for rung in ladder(RunConfig())]
        ['encoders', 'bottlenecks', 'vsd', 'vcd', 'vml', 'cml']
    """
    if base.model.encoders != "mvd":
        raise ConfigError(
            f"model.encoders: expected mvd, whose parts are added one by one, found {base.model.encoders}; or compare "
            f"settings of your own: --vary 'NAME=--flag value'"
        )
    usual, own = LossConfig(), base.losses
    bare = replace(own, vsd_weight=0.0, vcd_weight=0.0, vml_weight=0.0, cml_weight=0.0)
    vsd = replace(bare, vsd_weight=own.vsd_weight or usual.vsd_weight)
    vcd = replace(vsd, vcd_weight=own.vcd_weight or usual.vcd_weight)
    vml = replace(vcd, vml_weight=own.vml_weight or usual.vml_weight)
    cml = replace(vml, cml_weight=own.cml_weight or _CML_WEIGHT)
    bottlenecks = replace(base.model, bottleneck=True)
    encoders = replace(base.model, bottleneck=False, descriptor="observation")  # no other without bottlenecks
    rungs = [
        ("encoders", "specific + shared encoders", encoders, bare),
        ("bottlenecks", "+ bottlenecks", bottlenecks, bare),
        ("vsd", "+ VSD", bottlenecks, vsd),
        ("vcd", "+ VCD", bottlenecks, vcd),
        ("vml", "+ VML", bottlenecks, vml),
        ("cml", "+ CML", bottlenecks, cml),
    ]
    below = [None, *(name for name, *_ in rungs)]
    return [
        Rung(name, adds, replace(base, model=model, losses=losses), against)
        for (name, adds, model, losses), against in zip(rungs, below, strict=False)
    ]


def settings(base: RunConfig, vary: Mapping[str, RunConfig]) -> list[Rung]:
    """List a configuration and the settings that are compared with it.

    Args:
        base: the configuration.
        vary: name → configuration; each name becomes the name of a folder.

    Raises:
        ConfigError: a name cannot be the name of a folder, two names are the same folder on some disks, or a setting
            equals the configuration but for its seed.
    """
    require_row_names(vary, "vary", (_BASE, _TABLE))
    for name, config in vary.items():
        if replace(config, seed=base.seed) == base:  # each run gets a seed of the list
            raise ConfigError(f"vary: expected {name} to differ from the configuration, found the same; change a field")
    return [Rung(_BASE, _BASE, base, None)] + [Rung(name, name, config, _BASE) for name, config in vary.items()]


def ablate(
    data: str | Path,
    out: str | Path,
    config: RunConfig | str = "mvd",
    *,
    vary: Mapping[str, RunConfig | str] | None = None,
    seeds: int | Sequence[int] = (0, 1, 2),
    prepared: str | Path | None = None,
    pretrained: str | Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[RungResult]:
    """Train and test every setting with every seed.

    The figures are also written to `out`/ablation.json.

    Args:
        data: folder of the data set, or table of own pictures; its arrays are prepared.
        out: folder of the runs, `out`/<setting>/seed-<seed>.
        config: the configuration that all runs share, or the name of a recipe.
        vary: configurations, or names of recipes, by name, each compared with `config`; without it, the paper's ladder.
        seeds: seeds, or one; each setting is trained once with each seed.
        prepared: folder of the prepared arrays, if it is not the default of `mvd prepare`.
        pretrained: initial weights of the encoders of every run, as for `train`.
        workers: number of parallel runs, which share the cores.
        progress: called with (runs done, total runs).

    Returns:
        The rungs from the lowest; or the unchanged configuration, followed by the settings in order.

    Raises:
        ConfigError: there are no seeds or equal ones, no workers, a configuration without a ladder, or a setting
            without a name.
        BusyError: another ablation runs in `out`.
        RunError: `out` cannot be written, or a folder in it contains a run with another configuration or other
            pre-trained weights.
        MvdError: as for `train` and `evaluate`.
    """
    seeds = check_seeds(seeds)
    check_workers(workers)
    data, out, base = Path(data), Path(out), resolve_config(config)
    prepared = None if prepared is None else Path(prepared)
    pretrained = None if pretrained is None else Path(pretrained)
    rungs = ladder(base) if vary is None else settings(base, {name: resolve_config(one) for name, one in vary.items()})
    # All settings of a seed before the next seed, so that a stopped ablation has complete ladders.
    jobs = [
        Job(
            folder=out / rung.name / f"seed-{seed}",
            data=data,
            prepared=prepared,
            pretrained=pretrained,
            config=replace(rung.config, seed=seed),
            descriptors=_DESCRIPTORS if rung.config.model.bottleneck else _DESCRIPTORS[:1],
        )
        for seed in seeds
        for rung in rungs
    ]
    waiting = [job for job in jobs if not (job.folder / FIGURES).is_file()]
    _rehearse(waiting, out)
    figures: dict[Path, RunFigures] = {}
    with claimed(out):
        for folder, found in finished(jobs, workers):
            figures[folder] = found
            if progress is not None:
                progress(len(figures), len(jobs))
        require_one_kind(figures)
        results = [_join_seeds(rung, [figures[out / rung.name / f"seed-{seed}"] for seed in seeds]) for rung in rungs]
        write_json(out / _TABLE, {"seeds": list(seeds), "rungs": [asdict(result) for result in results]})
    return results


def _rehearse(jobs: Sequence[Job], out: Path) -> None:
    """Check that runs can be trained, tested and written, before the first of them takes hours."""
    alike = {replace(job.config, seed=0): job for job in jobs}
    datasets = {trial: scan(jobs[0].data, trial=trial) for trial in {config.data.trial for config in alike}}
    people = {}
    for config, job in alike.items():
        load_engine(config).check(config)
        if job.pretrained is not None:
            load_pretrained(job.pretrained, config.model)
        dataset = datasets[config.data.trial]
        prepare_test(dataset)
        training, _ = load_training(dataset, job.prepared or default_folder(dataset), config)
        people[config] = len(training.identities)
    runs = [(job.config, people[replace(job.config, seed=0)]) for job in jobs]
    rehearse_folder(out, runs, folders=[job.folder for job in jobs])


def _join_seeds(rung: Rung, runs: Sequence[RunFigures]) -> RungResult:
    figures: dict[str, SeedFigures] = {
        descriptor: {
            protocol: {name: tuple(run[descriptor][protocol][name] for run in runs) for name in names}
            for protocol, names in protocols.items()
        }
        for descriptor, protocols in runs[0].items()
    }
    return RungResult(name=rung.name, adds=rung.adds, against=rung.against, figures=figures)
