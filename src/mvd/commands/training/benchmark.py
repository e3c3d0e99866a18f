"""`mvd benchmark`: train and test recipes on fixed rendered people, with equal budgets and several seeds.

The budget counts arithmetic: a number of passes of a picture through the baseline's encoder, or as many multiply-adds.
At the sizes small and medium every recipe is replaced by its small twin (`small_twin`), with the same network,
pictures, batch, optimizer and schedule, and the budget determines the number of steps: MVD's four passes, a third or
fourth stream, and larger maps reduce it. At the size full, recipes are unchanged and have their own schedules. The best
weights are chosen on the validation people; nothing is chosen on the test people.

Everything in a folder is kept: the same command continues a stopped benchmark, and further recipes, seeds and settings
are added to the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from mvd.commands.data.prepare import prepare
from mvd.commands.engine import load_engine, machine_flags
from mvd.commands.results.evaluate import pictures_of, prepare_test
from mvd.commands.results.runs import pace, step_logs
from mvd.commands.training.demo import Screens, Silent
from mvd.commands.training.jobs import FIGURES, Job, check_seeds, check_workers, claimed, finished, read_figures
from mvd.commands.training.rendered import VERSION, SizeName, Spectrum, has_right_pixels, render_people
from mvd.commands.training.untrained import chance, colour_histograms
from mvd.config import CosineSchedule, RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES, resolve_config
from mvd.config.recipes.small import small_twin
from mvd.data.layouts import scan
from mvd.errors import ConfigError, require_choice
from mvd.files.atomic import write_atomically, write_json
from mvd.files.several import several
from mvd.metrics.features import Features
from mvd.metrics.scores import evaluate as score
from mvd.results.benchmark import BenchmarkResult, BenchmarkRow
from mvd.runs import open_run, read_card

DEFAULT_RECIPES = ("baseline", "mvd", "mvd-strong")

# Pictures × passes through the baseline's encoder in a run.
_BUDGETS: Mapping[SizeName, int] = {"small": 576_000, "medium": 480_000}
_THREADS: Mapping[SizeName, int] = {"small": 1, "medium": 2, "full": 0}
_EPOCHS = 15
_CHANCE_SEEDS = 10
_PEOPLE, _UNTRAINED, _TABLE = "people", "untrained.json", "benchmark.json"


def sized(config: RunConfig | str, size: SizeName) -> RunConfig:
    """Return the configuration of a recipe at a size of the benchmark, before the budget is set.

    Example:
        >>> sized("agw", "small").model.arch
        'resnet18'
    """
    config = resolve_config(config)
    if size == "full":
        return replace(config, data=replace(config.data, train_on="train"))
    twin = small_twin(config)
    if size == "small":
        return twin
    wider = replace(
        twin.model, base_width=32, bottleneck_widths=(512, 256), z_dim=256, classifier_width=256, strip_width=128
    )
    return replace(twin, data=replace(twin.data, height=144, width=72), model=wider)


def budgeted(config: RunConfig, size: SizeName, device: str = "cpu") -> RunConfig:
    """Set the budget of a size in a configuration: steps, epochs and device.

    Example:
        >>> [budgeted(sized(name, "small"), "small").sampling.steps_per_epoch for name in ("mvd", "baseline")]
        [150, 600]
    """
    runtime = RuntimeConfig(
        device=device, threads=_THREADS[size], validate_every=3 if size != "full" else 5, checkpoint_minutes=2
    )
    config = replace(config, runtime=runtime)
    if size == "full":
        return config
    steps = max(1, round(_BUDGETS[size] / (config.batch_size * _passes(config, size) * _EPOCHS)))
    return replace(
        config,
        sampling=replace(config.sampling, steps_per_epoch=steps),
        schedule=CosineSchedule(epochs=_EPOCHS, warmup_epochs=1.0),
    )


def benchmark(
    out: str | Path = "runs/benchmark",
    recipes: str | Sequence[str] = DEFAULT_RECIPES,
    *,
    size: SizeName = "small",
    own: Mapping[str, RunConfig] | None = None,
    seeds: int | Sequence[int] = (0,),
    spectra: Spectrum | Sequence[Spectrum] = ("near-infrared",),
    device: str = "cpu",
    workers: int = 1,
    screens: Screens | None = None,
) -> BenchmarkResult:
    """Render the people, train and test each recipe with each seed, and write the table.

    The table is also written to `out`/<size>/benchmark.json and benchmark.md.

    Args:
        out: the folder, which may contain earlier results; they stay in the table.
        recipes: names of recipes, or one; none only shows the existing results.
        size: "small", "medium" or "full".
        own: further rows: configurations by name, derived from `sized(...)`; their budget is set as for the recipes.
        seeds: seeds, or one; each row is trained once with each seed.
        spectra: spectra of the infrared cameras, or one.
        device: the training device.
        workers: number of parallel runs, and of rendering processes.
        screens: shows progress.

    Raises:
        ConfigError: there are no seeds or equal ones, no workers, no such recipe, size or spectrum, or a row without a
            name.
        BusyError: another benchmark runs in `out`.
        RunError: `out` cannot be written, or a run in it has another configuration.
        MvdError: as for `train` and `evaluate`.
    """
    seeds, recipes, spectra = check_seeds(seeds), several(recipes), several(spectra)
    require_choice("size", size, get_args(SizeName))
    for spectrum in spectra:
        require_choice("spectra", spectrum, get_args(Spectrum))
    check_workers(workers)
    rows = {name: sized(name, size) for name in recipes} | _named(own or {})
    with machine_flags():  # before people are rendered
        for config in [budgeted(one, size, device) for one in rows.values()]:
            load_engine(config).check(config)
    folder, screens = Path(out) / size, screens or Silent()
    pixels: dict[str, bool] = {}
    with claimed(folder):
        for spectrum in dict.fromkeys(spectra):
            place = folder / spectrum
            with screens.counting(f"rendering {spectrum} people") as progress:
                pixels[spectrum] = render_people(place / _PEOPLE, size, spectrum, workers=workers, progress=progress)
            for height, width in sorted({(config.data.height, config.data.width) for config in rows.values()}):
                with screens.counting(f"preparing {height}×{width}") as progress:
                    prepare(
                        place / _PEOPLE,
                        out=_prepared(place, height, width),
                        height=height,
                        width=width,
                        workers=workers,
                        progress=progress,
                    )
            jobs = [
                Job(
                    folder=place / name / f"seed-{seed}",
                    data=place / _PEOPLE,
                    prepared=_prepared(place, config.data.height, config.data.width),
                    pretrained=None,
                    config=replace(budgeted(config, size, device), seed=seed),
                    descriptors=(config.model.descriptor,),
                )
                for seed in seeds
                for name, config in rows.items()
            ]
            with screens.counting("training and testing", "runs") as progress:
                for done, _ in enumerate(finished(jobs, workers), 1):
                    progress(done, len(jobs))
            _measure_untrained(place, sized("mvd", size))
        for other in get_args(Spectrum):  # earlier results
            if other not in pixels and any((folder / other).glob(f"*/seed-*/{FIGURES}")):
                pixels[other] = has_right_pixels(folder / other / _PEOPLE, size, other)
        result = BenchmarkResult(version=VERSION, size=size, pixels=pixels, rows=list(_collect(folder, pixels)))
        write_json(folder / _TABLE, asdict(result))
    return result


def write_table(out: Path, result: BenchmarkResult, text: str) -> Path:
    """Write the table as Markdown beside benchmark.json, and return its file."""
    file = out / result.size / "benchmark.md"
    write_atomically(file, text + "\n")
    return file


def _passes(config: RunConfig, size: SizeName) -> float:
    """Count the multiply-adds of a picture's convolutions, in units of a pass through the baseline's encoder."""
    from mvd.runtime.estimate import count_convolutions  # loads torch

    height, width = config.data.height, config.data.width
    baseline = sized("baseline", size)
    return count_convolutions(config.model, height, width) / count_convolutions(
        baseline.model, baseline.data.height, baseline.data.width
    )


def _named(own: Mapping[str, RunConfig]) -> dict[str, RunConfig]:
    for name in own:
        if not name or name != Path(name).name or name.startswith(".") or name in {*RECIPES, _PEOPLE}:
            raise ConfigError(
                f"own: expected a name that a folder can have and no recipe has, found {name!r}; take another"
            )
    return dict(own)


def _prepared(place: Path, height: int, width: int) -> Path:
    return place / f"{_PEOPLE}-{height}x{width}"


def _measure_untrained(place: Path, config: RunConfig) -> None:
    """Evaluate chance and colour histograms, unless their figures exist."""
    file = place / _UNTRAINED
    if file.is_file():
        return
    dataset = scan(place / _PEOPLE)
    protocols, galleries = prepare_test(dataset)
    histograms = colour_histograms(pictures_of(dataset, dataset.test, config))
    candidates = {
        "chance": [chance(len(dataset.test), seed) for seed in range(_CHANCE_SEEDS)],
        "colour histogram": [histograms],
    }

    def figures(descriptors: npt.NDArray[np.float32]) -> dict[str, dict[str, float]]:
        features = Features(descriptors=descriptors, samples=dataset.test)
        return {protocol.name: score(features, protocol, galleries).mean._asdict() for protocol in protocols}

    write_json(file, {name: [figures(one) for one in several] for name, several in candidates.items()})


def _collect(folder: Path, spectra: Mapping[str, bool]) -> Iterator[BenchmarkRow]:
    """Read every finished run in a folder."""
    for spectrum in spectra:
        place = folder / spectrum
        file = place / _UNTRAINED  # missing where an earlier benchmark was stopped
        for name, runs in (json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}).items():
            yield BenchmarkRow(
                name=name, spectrum=spectrum, seeds=(), figures=_joined(runs), minutes=(), memory=(), versions=()
            )
        names = {file.parents[1].name for file in place.glob(f"*/seed-*/{FIGURES}")}
        for name in sorted(names, key=lambda name: (name not in RECIPES, [*RECIPES, name].index(name), name)):
            yield _row(place / name, spectrum)


def _row(folder: Path, spectrum: str) -> BenchmarkRow:
    runs = [open_run(file.parent) for file in folder.glob(f"seed-*/{FIGURES}")]
    runs.sort(key=lambda run: run.config.seed)
    paces = [pace(step_logs(run.metrics()), run.config) for run in runs]
    cards = [read_card(run.best_checkpoint) for run in runs]
    return BenchmarkRow(
        name=folder.name,
        spectrum=spectrum,
        seeds=[run.config.seed for run in runs],
        figures=_joined([next(iter(read_figures(run.path).values())) for run in runs]),
        minutes=[(one["training time"] or 0.0) / 60 for one in paces],
        memory=[one["device memory"] or one["memory"] or 0.0 for one in paces],
        versions=["" if card is None else " ".join(filter(None, (card.version, card.commit))) for card in cards],
    )


def _joined(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, list[float]]]:
    return {
        protocol: {name: [run[protocol][name] for run in runs] for name in names} for protocol, names in runs[0].items()
    }
