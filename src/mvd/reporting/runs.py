"""Runs in the terminal and as JSON: a list, and a comparison of two. Tables fit 80 columns and log files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.files.names import one_line
from mvd.metrics.scores import PLAIN
from mvd.reporting.terminal.progress import write_bytes
from mvd.reporting.terminal.style import MISSING, percent, plain_table
from mvd.results.runs import RunComparison, RunSummary, TestFigures


def runs_report(runs: Sequence[RunSummary], now: float | None = None) -> RenderableType:
    """Lay out runs, one row each, with protocols and reasons below.

    Args:
        runs: in the order of the rows.
        now: Unix time from which ages are computed; None means the present.
    """
    now = time.time() if now is None else now
    table = plain_table("run", "recipe", "data", "state", "val.\nmAP", "test\nrank-1", "\nmAP", "of", "age", text=4)
    table.columns[0].min_width = 14
    table.columns[3].no_wrap = True
    protocols: dict[str, int] = {}
    for run in runs:
        tests = [(test, protocols.setdefault(_protocol(test), len(protocols) + 1)) for test in run.tests]
        table.add_row(
            Text(one_line(run.path)),
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
    notes += ["in %; val.: best mAP on the validation people"] if any(run.best for run in runs) else []
    notes += [f"{run.path}: changed at {change}" for run in runs for change in run.changes]
    notes += [_reason(run) for run in runs if run.reason]
    return Group(table, *(Text(one_line(note), overflow="fold") for note in notes))


def comparison_report(comparison: RunComparison) -> RenderableType:
    """Lay out two runs: summaries, settings that differ, curves at equal steps, pace, and test figures."""
    runs = comparison.runs
    about: dict[str, list[str]] = {
        "recipe": [run.recipe for run in runs],
        "data": [run.dataset for run in runs],
        "state": [run.state for run in runs],
        "device": [run.device for run in runs],
        "epochs": [f"{run.epochs_done} of {run.epochs}" for run in runs],
        "best validation mAP, %": [_or_missing(run.best, _best) for run in runs],
    }
    about |= {
        name: [_pace(name, value) for value in values]
        for name, values in comparison.pace.items()
        if values != (None, None)
    }
    settings = {
        name: [MISSING if text is None else text for text in texts] for name, texts in comparison.settings.items()
    }
    curves = {
        f"step {step}: {name}, %" if name == "accuracy" else f"step {step}: {name}": [
            percent(value) if name == "accuracy" else f"{value:.4g}" for value in values
        ]
        for step, rows in comparison.curves.items()
        for name, values in rows.items()
    }
    tests = _test_rows(runs)
    parts = [
        _pairs("", runs, about),
        _pairs("setting", runs, settings) if settings else Text("the same settings"),
        _pairs("training", runs, curves) if curves else Text("no log lines at equal steps"),
        _pairs("test", runs, tests) if tests else Text("no test figures yet; measure them with: mvd evaluate RUN"),
    ]
    spaced = [line for part in parts for line in (part, Text())][:-1]
    return Group(*spaced, *([Text("in %, means over trials")] if tests else []))


def runs_json(runs: Sequence[RunSummary]) -> str:
    """Write summaries as JSON; figures are fractions from 0 to 1, times are UTC."""
    return json.dumps([_record(run) for run in runs], indent=2)


def comparison_json(comparison: RunComparison) -> str:
    """Write a comparison as JSON, in the units of `runs_json`."""
    return json.dumps({**asdict(comparison), "runs": [_record(run) for run in comparison.runs]}, indent=2)


def _test_rows(runs: Sequence[RunSummary]) -> dict[str, list[str]]:
    found = [{_protocol(test): test for test in run.tests} for run in runs]
    shown: dict[str, Callable[[TestFigures], str]] = {
        "rank-1": lambda test: percent(test.rank_1),
        "mAP": lambda test: percent(test.mAP),
        "mINP": lambda test: percent(test.mINP),
    }
    return {
        f"{protocol} {title}": [_or_missing(tests.get(protocol), write) for tests in found]
        for protocol in dict.fromkeys(protocol for tests in found for protocol in tests)
        for title, write in shown.items()
    }


def _pairs(title: str, runs: Sequence[RunSummary], rows: dict[str, list[str]]) -> Table:
    """Build a table with one column for each of two runs."""
    table = plain_table(title, *("" for _ in runs), wrap=True)
    for column, run in zip(table.columns[1:], runs, strict=True):
        column.header = Text(one_line(run.path))
    for name, values in rows.items():
        table.add_row(Text(name), *map(Text, values))
    return table


def _or_missing(value: Any, write: Callable[[Any], str]) -> str:
    return MISSING if value is None else write(value)


def _best(best: Any) -> str:
    return f"{percent(best['mAP'])} (epoch {best['epoch']})"


def _protocol(test: TestFigures) -> str:
    weights = "" if test.weights == "best" else f", {test.weights} weights"
    return test.protocol + ("" if test.ranking == PLAIN else f", {test.ranking}") + weights


def _reason(run: RunSummary) -> str:
    reason = str(run.reason)
    return reason if reason.startswith(run.path) else f"{run.path}: {reason}"


def _record(run: RunSummary) -> dict[str, Any]:
    try:
        when = datetime.fromtimestamp(run.when, timezone.utc).isoformat(timespec="seconds") if run.when else None
    except (ValueError, OverflowError, OSError):  # the file's time is out of datetime's range
        when = None
    return {**asdict(run), "when": when}


def _pace(name: str, value: float | None) -> str:
    if value is None:
        return MISSING
    if name.endswith("memory"):
        return write_bytes(value)
    return str(timedelta(seconds=round(value))) if name.endswith("time") else f"{value:.3g}"


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
