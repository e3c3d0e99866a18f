"""Runs on the screen: a list of them, and two side by side, plain enough for 80 columns and for a log file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.report.progress import write_bytes
from mvd.runs import StateName

_NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class TestFigures:
    """Means of a test over its trials, shares from 0 to 1.

    Attributes:
        protocol: the name of what they are of.
        ranking: how the gallery was ranked, as in `mvd.metrics.scores.Result`.
        weights: "best" or "last".
    """

    __test__ = False  # pytest takes every Test… for one of its own

    protocol: str
    ranking: str
    weights: str
    rank_1: float
    mAP: float
    mINP: float


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run is, and what became of it.

    Attributes:
        path: its folder.
        state: as `mvd.runs.judge` has it, or "damaged".
        reason: why it failed, or what is damaged.
        recipe: the recipe that its configuration is nearest to, and how many fields differ.
        seed: of the run.
        dataset: name of the data set.
        device: what it computes on.
        step: the step of its last log line.
        steps: in all; None where that is not known.
        epochs_done: whole epochs as of that line.
        epochs: in all.
        best: the best validation's epoch and figures; None before the first.
        tests: figures of its last test.
        when: Unix time, in seconds, of the last that was written.
    """

    path: str
    state: StateName | Literal["damaged"]
    reason: str | None = None
    recipe: str = ""
    seed: int | None = None
    dataset: str = ""
    device: str = ""
    step: int = 0
    steps: int | None = None
    epochs_done: int = 0
    epochs: int | None = None
    best: Mapping[str, float] | None = None
    tests: Sequence[TestFigures] = field(default_factory=list)
    when: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two runs, side by side: what `mvd runs` compares.

    Attributes:
        runs: both.
        settings: field → its two values, where they differ; None where a run has no such field.
        curves: step → name → values, at steps that both runs have logged.
        pace: "pictures a second", the middle rate; "training time", seconds of steps alone; "memory" and "device
            memory", most bytes; a value is None where a run does not tell.
    """

    runs: tuple[RunSummary, RunSummary]
    settings: Mapping[str, tuple[str | None, str | None]]
    curves: Mapping[int, Mapping[str, tuple[float, float]]]
    pace: Mapping[str, tuple[float | None, float | None]]


def runs_report(runs: Sequence[RunSummary], now: float | None = None) -> RenderableType:
    """Lay out runs, a row each; protocols and reasons stand below, by number.

    Args:
        runs: in the order of the rows.
        now: Unix time that ages are counted from; the present, if not given.
    """
    now = time.time() if now is None else now
    table = _table("run", "recipe", "data", "state", "val.\nmAP", "test\nrank-1", "\nmAP", "of", "age")
    table.columns[0].min_width = 14
    for number, column in enumerate(table.columns):
        column.no_wrap = number >= 3
        column.justify = "right" if number >= 4 else "left"
    protocols: dict[str, int] = {}
    for run in runs:
        tests = [(test, protocols.setdefault(_protocol(test), len(protocols) + 1)) for test in run.tests]
        table.add_row(
            Text(run.path),
            run.recipe if run.seed is None else f"{run.recipe}\nseed {run.seed}",
            run.dataset,
            run.state if run.epochs is None else f"{run.state}\n{run.epochs_done}/{run.epochs}",
            "" if run.best is None else f"{100 * run.best['mAP']:.1f}",
            "\n".join(f"{100 * test.rank_1:.1f}" for test, _ in tests),
            "\n".join(f"{100 * test.mAP:.1f}" for test, _ in tests),
            "\n".join(f"({number})" for _, number in tests),
            _age(now - run.when) if run.when else "",
        )
    notes = [f"({number}) {protocol}" for protocol, number in protocols.items()]
    notes += ["in %; val.: the best on the validation people"] if any(run.best for run in runs) else []
    notes += [_reason(run) for run in runs if run.reason]
    return Group(table, *(Text(note, overflow="fold") for note in notes))


def comparison_report(comparison: Comparison) -> RenderableType:
    """Lay out two runs: what they are, the settings that differ, curves at equal steps, pace, and test figures."""
    names = [run.path for run in comparison.runs]
    about = _pair_table("", names)
    for name, show in _ABOUT.items():
        _add_pair(about, name, *(show(run) for run in comparison.runs))
    for name, values in comparison.pace.items():
        if values != (None, None):
            _add_pair(about, name, *(_pace(name, value) for value in values))
    parts: list[RenderableType] = [about, Text()]
    if comparison.settings:
        settings = _pair_table("setting", names)
        for name, texts in comparison.settings.items():
            _add_pair(settings, name, *(_NOTHING if text is None else text for text in texts))
        parts += [settings, Text()]
    else:
        parts += [Text("the same settings"), Text()]
    curves = _pair_table("training", names)
    for step, rows in comparison.curves.items():
        for name, (one, other) in rows.items():
            title, write = (f"{name}, %", _percent) if name == "accuracy" else (name, _loss)
            _add_pair(curves, f"step {step}: {title}", write(one), write(other))
    parts += [curves if comparison.curves else Text("no log lines at equal steps"), Text()]
    parts.append(_tests_side_by_side(comparison.runs, names))
    return Group(*parts)


def runs_json(runs: Sequence[RunSummary]) -> str:
    """Write summaries as JSON; figures stay shares from 0 to 1, times are UTC."""
    return json.dumps([_record(run) for run in runs], indent=2)


def comparison_json(comparison: Comparison) -> str:
    """Write a comparison as JSON."""
    return json.dumps({**asdict(comparison), "runs": [_record(run) for run in comparison.runs]}, indent=2)


def _tests_side_by_side(runs: Sequence[RunSummary], names: Sequence[str]) -> RenderableType:
    found = [{_protocol(test): test for test in run.tests} for run in runs]
    protocols = list(dict.fromkeys(protocol for tests in found for protocol in tests))
    if not protocols:
        return Text("no test figures yet: mvd evaluate makes them")
    table = _pair_table("test", names)
    for protocol in protocols:
        both = [tests.get(protocol) for tests in found]
        for title, take in (("rank-1", _rank_1), ("mAP", _mean_ap), ("mINP", _minp)):
            _add_pair(
                table,
                f"{protocol} {title}",
                *(_NOTHING if test is None else _percent(take(test)) for test in both),
            )
    return Group(table, Text("in %, means over trials"))


def _rank_1(test: TestFigures) -> float:
    return test.rank_1


def _mean_ap(test: TestFigures) -> float:
    return test.mAP


def _minp(test: TestFigures) -> float:
    return test.mINP


def _best(run: RunSummary) -> str:
    return _NOTHING if run.best is None else f"{_percent(run.best['mAP'])} (epoch {run.best['epoch']})"


_ABOUT: Mapping[str, Callable[[RunSummary], str]] = {
    "recipe": lambda run: run.recipe,
    "data": lambda run: run.dataset,
    "state": lambda run: run.state,
    "device": lambda run: run.device,
    "epochs": lambda run: f"{run.epochs_done} of {run.epochs}",
    "best validation mAP, %": _best,
}


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _pair_table(title: str, names: Sequence[str]) -> Table:
    table = _table(title)
    for name in names:
        table.add_column(Text(name), overflow="fold", justify="right")
    return table


def _add_pair(table: Table, name: str, *values: str) -> None:
    table.add_row(Text(name), *(Text(value) for value in values))


def _protocol(test: TestFigures) -> str:
    weights = "" if test.weights == "best" else f", {test.weights} weights"
    return test.protocol + ("" if test.ranking == "cosine" else f", {test.ranking}") + weights


def _reason(run: RunSummary) -> str:
    reason = str(run.reason)
    return reason if reason.startswith(run.path) else f"{run.path}: {reason}"


def _record(run: RunSummary) -> dict[str, Any]:
    when = datetime.fromtimestamp(run.when, timezone.utc).isoformat(timespec="seconds") if run.when else None
    return {**asdict(run), "when": when}


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _loss(value: float) -> str:
    return f"{value:.4g}"


def _pace(name: str, value: float | None) -> str:
    if value is None:
        return _NOTHING
    if name.endswith("memory"):
        return write_bytes(value)
    return str(timedelta(seconds=round(value))) if name.endswith("time") else f"{value:.3g}"


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
