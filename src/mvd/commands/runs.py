"""`mvd runs`: what runs there are, what became of each, and how two of them differ.

A listing never fails for one bad folder: what cannot be read is a reason beside its name.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mvd.config import RunConfig, to_json
from mvd.config.recipes import RECIPES
from mvd.errors import MvdError, RunError
from mvd.report.recipes import differing, flatten
from mvd.report.runs import Comparison, RunSummary, TestFigures
from mvd.runs import RunFolder, judge, last_sign, open_run, read_state

_FILES = ("config.json", "data.json", "metrics.jsonl")
_COMPARED_STEPS = 3
_NOT_THE_METHOD = ("seed", "framework", "runtime.", "data.trial")  # fields that a recipe leaves open


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Find the run folders among and below some folders, the damaged and half-written ones too.

    Raises:
        RunError: a folder is not there.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise RunError(f"{folder}: expected a folder with runs in it, found none; name one: mvd runs FOLDER")
        found |= dict.fromkeys(_below(folder))
    return list(found)


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run, be it whole or not."""
    return any((folder / name).is_file() for name in _FILES)


def summarise(path: Path) -> RunSummary:
    """Say what a run is and what became of it; what is wrong with its folder is the summary's `damage`."""
    try:
        return _summarise(open_run(path))
    except (MvdError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error) if isinstance(error, MvdError) else f"{path}: {type(error).__name__}: {error}"
        return RunSummary(path=str(path), state="damaged", reason=" ".join(reason.split()), when=_when(path))


def compare_runs(first: Path, second: Path) -> Comparison:
    """Compare two runs: settings that differ, curves at equal steps, test figures.

    Raises:
        RunError: one of them cannot be read.
    """
    runs = [summarise(path) for path in (first, second)]
    for run in runs:
        if run.state == "damaged":
            raise RunError(str(run.reason))
    folders = [open_run(path) for path in (first, second)]
    settings = [flatten(json.loads(to_json(folder.config))) for folder in folders]
    fields = {name: (settings[0].get(name), settings[1].get(name)) for name in differing(settings)}
    logs = [_step_logs(folder.metrics()) for folder in folders]
    return Comparison(
        runs=(runs[0], runs[1]),
        settings=fields,
        curves=_at_equal_steps(*logs),
        pace={
            name: (_pace(logs[0], folders[0].config).get(name), _pace(logs[1], folders[1].config).get(name))
            for name in ("pictures a second", "training time", "memory", "device memory")
        },
    )


def _below(folder: Path) -> Iterator[Path]:
    for path, folders, _ in os.walk(folder):
        here = Path(path)
        if is_run(here):
            folders.clear()
            yield here
        else:
            folders.sort()


def _summarise(run: RunFolder) -> RunSummary:
    config, data, records, state = run.config, run.data, run.metrics(), read_state(run.path)
    logs = _step_logs(records)
    validations = [record for record in records if "validation" in record]
    best = max(validations, key=lambda record: record["validation"]["mAP"], default=None)
    return RunSummary(
        path=str(run.path),
        state=judge(run.path, state),
        reason=None if state is None else state.reason,
        recipe=describe_recipe(config),
        seed=config.seed,
        dataset=data.dataset if data.trial is None else f"{data.dataset} trial {data.trial}",
        device=config.runtime.device if state is None else state.device,
        step=logs[-1]["step"] if logs else 0,
        steps=state.steps or None if state is not None else None,
        epochs_done=_epochs_done(logs, config, None if state is None else state.steps),
        epochs=config.schedule.epochs,
        best=None if best is None else {"epoch": best["epoch"], **best["validation"]},
        tests=_tests(run.path),
        when=_when(run.path),
    )


def describe_recipe(config: RunConfig) -> str:
    """Name the recipe that a configuration is nearest to, and in how many fields it differs, such as "demo +2"."""
    own = _method(config)
    apart = {name: len(differing([own, _method(recipe)])) for name, recipe in RECIPES.items()}
    name = min(apart, key=lambda recipe: apart[recipe])
    return f"{name} +{apart[name]}" if apart[name] else name


def _method(config: RunConfig) -> dict[str, str]:
    fields = flatten(json.loads(to_json(config)))
    return {name: value for name, value in fields.items() if not name.startswith(_NOT_THE_METHOD)}


def _epochs_done(logs: Sequence[Mapping[str, Any]], config: RunConfig, steps: int | None) -> int:
    if not logs:
        return 0
    if steps:
        return int(logs[-1]["step"]) * config.schedule.epochs // steps
    return int(logs[-1]["epoch"]) - 1  # the last may not be whole


def _tests(path: Path) -> list[TestFigures]:
    """Read the test figures of the best weights, else of the last."""
    for weights in ("best", "last"):
        file = path / f"evaluation-{weights}.json"
        if not file.exists():
            continue
        try:
            results = json.loads(file.read_text(encoding="utf-8"))["results"]
            return [_figures(result, weights) for result in results]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(f"{file}: expected test figures, found something else ({error}); make them anew") from error
    return []


def _figures(result: Mapping[str, Any], weights: str) -> TestFigures:
    mean = {name: float(result["mean"][name]) for name in ("rank_1", "mAP", "mINP")}
    return TestFigures(protocol=str(result["protocol"]), ranking=str(result["ranking"]), weights=weights, **mean)


def _when(path: Path) -> float:
    try:
        return last_sign(path)
    except OSError:
        return 0.0


def _step_logs(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [record for record in records if "losses" in record]


def _at_equal_steps(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> dict[int, dict[str, tuple[float, float]]]:
    """Give losses and accuracy where both runs have a log line: a few steps, evenly spread, the last one among them."""
    ours, theirs = ({log["step"]: log for log in logs} for logs in (first, second))
    common = sorted(ours.keys() & theirs.keys())
    count = min(_COMPARED_STEPS, len(common))
    chosen = [common[len(common) * (number + 1) // count - 1] for number in range(count)]
    rows: dict[int, dict[str, tuple[float, float]]] = {}
    for step in chosen:
        one, other = ours[step], theirs[step]
        names = [name for name in one["losses"] if name in other["losses"]]
        rows[step] = {f"loss {name}": (one["losses"][name], other["losses"][name]) for name in names}
        rows[step]["accuracy"] = one["accuracy"], other["accuracy"]
    return rows


def _pace(logs: Sequence[Mapping[str, Any]], config: RunConfig) -> dict[str, float]:
    """Measure a run's speed and size: its middle rate, seconds of steps alone, and most bytes."""
    if not logs:
        return {}
    batch = 2 * config.sampling.identities * config.sampling.pictures
    before = [0, *(log["step"] for log in logs[:-1])]
    seconds = sum(
        batch * (log["step"] - earlier) / log["pictures_per_second"] for log, earlier in zip(logs, before, strict=True)
    )
    pace = {
        "pictures a second": statistics.median(log["pictures_per_second"] for log in logs),
        "training time": seconds,
    }
    for name, kind in (("memory", "resident"), ("device memory", "device")):
        counts = [log["memory"][kind] for log in logs if kind in log.get("memory", {})]
        if counts:
            pace[name] = max(counts)
    return pace
