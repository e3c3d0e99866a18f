"""`mvd runs`: find and summarise runs, and compare two.

A listing never fails because of one bad folder: the run is listed as damaged, with the reason.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mvd.config import RunConfig
from mvd.config.compare import config_fields, differing
from mvd.config.recipes import nearest_recipe
from mvd.errors import MvdError, RunError
from mvd.files.several import several
from mvd.results.runs import RunComparison, RunSummary, TestFigures
from mvd.runs import RunFolder, judge, last_sign, open_run, read_state

_FILES = ("config.json", "data.json", "metrics.jsonl")
_COMPARED_STEPS = 3


def list_runs(folders: str | Path | Sequence[str | Path] = ("runs",)) -> list[RunSummary]:
    """Summarise the runs in and below folders, including damaged runs and folders that cannot be read.

    Raises:
        RunError: a folder does not exist, or none of them can be read.
    """
    found: dict[Path, OSError | None] = {}
    closed: dict[Path, OSError] = {}
    for folder in map(Path, several(folders)):
        try:
            there = folder.is_dir()
        except OSError as error:  # the name is too long, or permission is denied
            found[folder] = closed[folder] = error
            continue
        if not there:
            raise RunError(f"{folder}: expected a folder with runs in it, found none; name one: mvd runs FOLDER")
        found |= dict(_below(folder))
    if found and set(found) == set(closed):  # nothing else to show
        raise RunError(str(_unreadable(*next(iter(closed.items()))).reason))
    return [summarise(path) if error is None else _unreadable(path, error) for path, error in found.items()]


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run folder, complete or not; False if it cannot be read."""
    try:
        return any((folder / name).is_file() for name in _FILES)
    except OSError:
        return False


def summarise(path: str | Path) -> RunSummary:
    """Summarise a run; if its folder is damaged, the summary has the state "damaged" and the reason."""
    try:
        return _summarise(open_run(Path(path)))
    except Exception as error:  # an error in one folder must not hide the others
        reason = str(error) if isinstance(error, MvdError) else f"{path}: {type(error).__name__}: {error}"
        return RunSummary(path=str(path), state="damaged", reason=" ".join(reason.split()), when=_when(Path(path)))


def compare_runs(first: str | Path, second: str | Path) -> RunComparison:
    """Compare two runs: settings that differ, curves at equal steps, pace.

    Raises:
        RunError: a run cannot be read.
    """
    one, other = summarise(first), summarise(second)
    for run in (one, other):
        if run.state == "damaged":
            raise RunError(str(run.reason))
    folders = [open_run(Path(first)), open_run(Path(second))]
    ours, theirs = (config_fields(folder.config) for folder in folders)
    logs = [step_logs(folder.metrics()) for folder in folders]
    paces = [pace(log, folder.config) for log, folder in zip(logs, folders, strict=True)]
    return RunComparison(
        runs=(one, other),
        settings={name: (_text(ours.get(name)), _text(theirs.get(name))) for name in differing([ours, theirs])},
        curves=_at_equal_steps(*logs),
        pace={name: (value, paces[1][name]) for name, value in paces[0].items()},
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _below(folder: Path) -> Iterator[tuple[Path, OSError | None]]:
    """Find run folders, and folders that cannot be read, with the error."""
    unread: list[OSError] = []
    for path, folders, files in os.walk(folder, onerror=unread.append):
        here = Path(path)
        if not {*files}.isdisjoint(_FILES):
            folders.clear()
            yield here, None
        else:
            folders.sort()
    yield from ((Path(os.fsdecode(error.filename)), error) for error in unread)


def _unreadable(path: Path, error: OSError) -> RunSummary:
    return RunSummary(
        path=str(path),
        state="damaged",
        reason=f"{path}: expected a folder with runs in it, could not read it ({error.strerror or error})",
    )


def _summarise(run: RunFolder) -> RunSummary:
    config, data, records, state = run.config, run.data, run.metrics(), read_state(run.path)
    logs = step_logs(records)
    validations = [record for record in records if "validation" in record]
    best = max(validations, key=lambda record: record["validation"]["mAP"], default=None)
    recipe, apart = nearest_recipe(config)
    steps = None if state is None else state.steps
    return RunSummary(
        path=str(run.path),
        state=judge(run.path, state),
        reason=None if state is None else state.reason,
        changes=run.history,
        recipe=f"{recipe} +{apart}" if apart else recipe,
        seed=config.seed,
        dataset=data.dataset if data.trial is None else f"{data.dataset} trial {data.trial}",
        device=config.runtime.device if state is None else state.device,
        step=logs[-1]["step"] if logs else 0,
        steps=steps or None,
        epochs_done=_epochs_done(logs, config, steps),
        epochs=config.schedule.epochs,
        best=None if best is None else {"epoch": best["epoch"], **best["validation"]},
        tests=_tests(run),
        when=_when(run.path),
    )


def _epochs_done(logs: Sequence[Mapping[str, Any]], config: RunConfig, steps: int | None) -> int:
    if not logs:
        return 0
    if steps:
        return int(logs[-1]["step"]) * config.schedule.epochs // steps
    return int(logs[-1]["epoch"]) - 1  # the epoch of the last log line may be incomplete


def _tests(run: RunFolder) -> list[TestFigures]:
    """Read the test figures of the best checkpoint, or of the last if there are none."""
    names: tuple[Literal["best", "last"], ...] = ("best", "last")
    for weights in names:
        record = run.evaluation(weights)
        if record is None:
            continue
        try:
            return [_figures(result, weights) for result in record["results"]]
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"{run.path / f'evaluation-{weights}.json'}: expected test figures, could not read them ({error}); run "
                f"mvd evaluate again"
            ) from error
    return []


def _figures(result: Mapping[str, Any], weights: str) -> TestFigures:
    mean = {name: float(result["mean"][name]) for name in ("rank_1", "mAP", "mINP")}
    return TestFigures(protocol=str(result["protocol"]), ranking=str(result["ranking"]), weights=weights, **mean)


def _when(path: Path) -> float:
    try:
        return last_sign(path)
    except OSError:
        return 0.0


def step_logs(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Select the step records of a run's metrics, without validations."""
    return [record for record in records if "losses" in record]


def _at_equal_steps(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> dict[int, dict[str, tuple[float, float]]]:
    """Take losses and accuracy at a few evenly spaced steps that both runs have logged, including the last."""
    ours, theirs = ({log["step"]: log for log in logs} for logs in (first, second))
    common = sorted(ours.keys() & theirs.keys())
    count = min(_COMPARED_STEPS, len(common))
    rows: dict[int, dict[str, tuple[float, float]]] = {}
    for number in range(count):
        step = common[len(common) * (number + 1) // count - 1]
        one, other = ours[step], theirs[step]
        names = [name for name in one["losses"] if name in other["losses"]]
        rows[step] = {f"loss {name}": (one["losses"][name], other["losses"][name]) for name in names}
        rows[step]["accuracy"] = one["accuracy"], other["accuracy"]
    return rows


def pace(logs: Sequence[Mapping[str, Any]], config: RunConfig) -> dict[str, float | None]:
    """Compute a run's median rate, seconds spent in steps, and peak bytes; None where nothing was recorded."""
    batch = config.batch_size
    rates = [log["pictures_per_second"] for log in logs]
    steps = [log["step"] for log in logs]
    taken = [step - before for step, before in zip(steps, [0, *steps], strict=False)]
    memory = {
        kind: max((log["memory"][kind] for log in logs if kind in log.get("memory", {})), default=None)
        for kind in ("resident", "device")
    }
    return {
        "pictures a second": statistics.median(rates) if rates else None,
        "training time": sum(batch * n / rate for n, rate in zip(taken, rates, strict=True)) if rates else None,
        "memory": memory["resident"],
        "device memory": memory["device"],
    }
