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

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

from mvd.commands.data.prepare import prepare
from mvd.commands.engine import load_engine, machine_flags
from mvd.commands.training.benchmark_rows import CHANCE, HISTOGRAM, UNTRAINED, collect_rows, measure_untrained
from mvd.commands.training.demo import Screens, Silent
from mvd.commands.training.figures import FIGURES, runs_of, tested_rows
from mvd.commands.training.jobs import (
    Job,
    check_seeds,
    check_workers,
    claimed,
    finished,
    require_config,
    require_several,
)
from mvd.commands.training.rehearsal import rehearse_folder
from mvd.commands.training.rendered import (
    VERSION,
    SizeName,
    Spectrum,
    has_right_pixels,
    picture_space,
    plan_of,
    render_people,
)
from mvd.commands.training.row_names import require_row_names
from mvd.config import CosineSchedule, RunConfig, RuntimeConfig
from mvd.config.compare import config_fields, differing
from mvd.config.recipes import RECIPES, resolve_config
from mvd.config.recipes.small import small_twin
from mvd.errors import require_choice
from mvd.files.atomic import write_atomically, write_json
from mvd.files.several import several
from mvd.results.benchmark import BenchmarkResult

DEFAULT_RECIPES = ("baseline", "mvd", "mvd-strong")

# Pictures × passes through the baseline's encoder in a run.
_BUDGETS: Mapping[SizeName, int] = {"small": 576_000, "medium": 480_000}
_THREADS: Mapping[SizeName, int] = {"small": 1, "medium": 2, "full": 0}
_EPOCHS = 15
_PEOPLE, _TABLE = "people", "benchmark.json"
_TAKEN = (*RECIPES, _PEOPLE, UNTRAINED, CHANCE, HISTOGRAM)


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


def lost_changes(base: RunConfig, row: RunConfig, size: SizeName) -> list[str]:
    """List the fields in which a row differs from its recipe, but which the budget sets for every row.

    Example:
        >>> mvd = sized("mvd", "small")
        >>> lost_changes(mvd, replace(mvd, seed=3, optimizer=replace(mvd.optimizer, ema=0.9)), "small")
        ['seed']
    """
    fixed = ("seed", "runtime.", *(() if size == "full" else ("schedule.", "sampling.steps_per_epoch")))
    return [name for name in differing([config_fields(base), config_fields(row)]) if name.startswith(fixed)]


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
        own: further rows: configurations by name, derived from `sized(...)`; as for the recipes, the budget sets their
            runtime and seed, and below the size "full" their schedule and steps.
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
    for recipe in recipes:
        require_choice("recipes", recipe, RECIPES)
    arrays = [name for name in own or {} if str(name).casefold().startswith(f"{_PEOPLE}-")]
    require_row_names(own or {}, "own", (*_TAKEN, *arrays))
    rows = {name: sized(name, size) for name in recipes} | {
        name: resolve_config(row) for name, row in (own or {}).items()
    }
    folder, screens = Path(out) / size, screens or Silent()
    require_several(Path(out))
    _rehearse(folder, {name: budgeted(row, size, device) for name, row in rows.items()}, size, seeds, spectra)
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
            measure_untrained(place, place / _PEOPLE, sized("mvd", size))
        for other in get_args(Spectrum):  # earlier results
            if other not in pixels and tested_rows(folder / other):
                pixels[other] = has_right_pixels(folder / other / _PEOPLE, size, other)
        result = BenchmarkResult(version=VERSION, size=size, pixels=pixels, rows=list(collect_rows(folder, pixels)))
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


def _rehearse(
    folder: Path, rows: Mapping[str, RunConfig], size: SizeName, seeds: Sequence[int], spectra: Sequence[Spectrum]
) -> None:
    """Check that rows can be trained and written, before people are rendered and the first run takes hours."""
    places = [folder / spectrum for spectrum in dict.fromkeys(spectra)]
    with machine_flags():
        for config in rows.values():
            load_engine(config).check(config)
    for place in places:
        for name, config in rows.items():
            for seed, run in runs_of(place / name).items():  # those of other seeds are in the same row of the table
                if (run / "config.json").is_file():
                    require_config(run, replace(config, seed=seed))
    waiting = [
        (place / name / f"seed-{seed}", config)
        for place in places
        for name, config in rows.items()
        for seed in seeds
        if not (place / name / f"seed-{seed}" / FIGURES).is_file()
    ]
    plan = plan_of(size)
    shapes = {(config.data.height, config.data.width) for config in rows.values()}
    arrays = [shape for place in places for shape in shapes if not _prepared(place, *shape).is_dir()]
    rehearse_folder(
        folder,
        [(config, len(plan.train)) for _, config in waiting],
        folders=[run for run, _ in waiting],
        more=sum(picture_space(place / _PEOPLE, size) for place in places)
        + sum(3 * height * width * plan.pictures for height, width in arrays),
    )


def _prepared(place: Path, height: int, width: int) -> Path:
    return place / f"{_PEOPLE}-{height}x{width}"
