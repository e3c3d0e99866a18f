"""The rows of the benchmark's table: what finished runs have in their folders, and what needs no training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mvd.commands.results.evaluate import pictures_of, prepare_test
from mvd.commands.results.runs import pace, step_logs
from mvd.commands.training.figures import (
    RunFigures,
    check_figures,
    damaged,
    read_figures,
    require_one_kind,
    tested_rows,
    tested_runs,
)
from mvd.commands.training.jobs import differing_fields
from mvd.commands.training.untrained import chance, colour_histograms
from mvd.config import RunConfig
from mvd.config.recipes import RECIPES
from mvd.data.layouts import scan
from mvd.errors import RunError
from mvd.files.atomic import write_json
from mvd.files.strict_json import parse_json
from mvd.metrics.features import Features
from mvd.metrics.scores import evaluate as score
from mvd.results.benchmark import BenchmarkRow
from mvd.runs import open_run, read_card

CHANCE, HISTOGRAM = "chance", "colour histogram"
"""Names of the rows without training."""
UNTRAINED = "untrained.json"
"""File of their figures."""

_CHANCE_SEEDS = 10


def measure_untrained(place: Path, people: Path, config: RunConfig) -> None:
    """Evaluate chance and colour histograms, unless their figures exist.

    Args:
        place: folder of the rows of a spectrum, to which the figures are written.
        people: the data set.
        config: a configuration, which has the size of the pictures.
    """
    file = place / UNTRAINED
    if file.is_file():
        return
    dataset = scan(people)
    protocols, galleries = prepare_test(dataset)
    histograms = colour_histograms(pictures_of(dataset, dataset.test, config))
    candidates = {
        CHANCE: [chance(len(dataset.test), seed) for seed in range(_CHANCE_SEEDS)],
        HISTOGRAM: [histograms],
    }

    def figures(descriptors: npt.NDArray[np.float32]) -> dict[str, dict[str, float]]:
        features = Features(descriptors=descriptors, samples=dataset.test)
        return {protocol.name: score(features, protocol, galleries).mean._asdict() for protocol in protocols}

    write_json(file, {name: [figures(one) for one in several] for name, several in candidates.items()})


def collect_rows(folder: Path, spectra: Mapping[str, bool]) -> Iterator[BenchmarkRow]:
    """Read every finished run in a folder."""
    for spectrum in spectra:
        place = folder / spectrum
        for name, runs in _untrained(place / UNTRAINED).items():
            yield BenchmarkRow(
                name=name, spectrum=spectrum, seeds=(), figures=_joined(runs), minutes=(), memory=(), versions=()
            )
        for name in sorted(tested_rows(place), key=lambda name: (name not in RECIPES, [*RECIPES, name].index(name))):
            yield _row(place / name, spectrum)


def _untrained(file: Path) -> Mapping[str, Sequence[Mapping[str, Mapping[str, float]]]]:
    """Read the figures of `measure_untrained`; none where an earlier benchmark was stopped before it."""
    if not file.is_file():
        return {}
    try:
        found = parse_json(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or set(found) != {CHANCE, HISTOGRAM} or not all(found.values()):
            raise ValueError("other rows")
        for runs in found.values():
            for run in runs:
                check_figures(run)
    except (OSError, ValueError, TypeError) as error:
        raise damaged(file, error) from error
    return found


def _row(folder: Path, spectrum: str) -> BenchmarkRow:
    runs = {seed: open_run(place) for seed, place in tested_runs(folder).items()}
    first = next(iter(runs.values()))
    for seed, run in runs.items():
        if others := differing_fields(run.config, replace(first.config, seed=seed)):
            raise RunError(
                f"{run.path}: expected the configuration of {first.path.name} beside it, with its own seed, found "
                f"another ({', '.join(others[:3])}); move it to a row of another name"
            )
    figures: dict[Path, RunFigures] = {
        run.path: read_figures(run.path, (run.config.model.descriptor,)) for run in runs.values()
    }
    require_one_kind(figures)
    paces = [pace(step_logs(run.metrics()), run.config) for run in runs.values()]
    cards = [read_card(run.best_checkpoint) for run in runs.values()]
    return BenchmarkRow(
        name=folder.name,
        spectrum=spectrum,
        seeds=list(runs),
        figures=_joined([next(iter(found.values())) for found in figures.values()]),
        minutes=[(one["training time"] or 0.0) / 60 for one in paces],
        memory=[one["device memory"] or one["memory"] or 0.0 for one in paces],
        versions=["" if card is None else " ".join(filter(None, (card.version, card.commit))) for card in cards],
    )


def _joined(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, list[float]]]:
    return {
        protocol: {name: [run[protocol][name] for run in runs] for name in names} for protocol, names in runs[0].items()
    }
