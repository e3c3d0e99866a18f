"""Runs in tables and as JSON: states, figures with their protocol, ages, and two runs side by side."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from mvd.reporting.runs import comparison_json, comparison_report, runs_json, runs_report
from mvd.results.runs import RunComparison, RunSummary, TestFigures

NAME = "sysu/all-search/single-shot/official"
TEST = TestFigures(protocol=NAME, ranking="cosine", weights="best", rank_1=0.1081, mAP=0.1557, mINP=0.1078)
RUN = RunSummary(
    path="runs/first",
    state="finished",
    recipe="demo +2",
    seed=0,
    dataset="sysu",
    device="cpu",
    step=30,
    steps=30,
    epochs_done=3,
    epochs=3,
    best={"epoch": 3, "rank-1": 0.2, "mAP": 0.2177},
    tests=[TEST, replace(TEST, ranking="cosine + k-reciprocal"), replace(TEST, weights="last")],
    when=1000.0,
)
DAMAGED = RunSummary(path="runs/b", state="damaged", reason="config.json: expected JSON, found nothing", when=0.0)


def _print(report: RenderableType, width: int = 80) -> str:
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(report)
    return text.getvalue()


def test_a_row_has_state_best_validation_and_every_test_with_its_note() -> None:
    printed = _print(runs_report([RUN, DAMAGED], now=1120.0))
    lines = [line.split() for line in printed.splitlines()]
    assert ["runs/first", "demo", "+2", "sysu", "finished", "21.8", "10.8", "15.6", "(1)", "2", "min"] in lines
    assert ["seed", "0", "3/3", "10.8", "15.6", "(2)"] in lines
    assert f"(1) {NAME}\n(2) {NAME}, cosine + k-reciprocal\n(3) {NAME}, last weights\n" in printed
    assert ["runs/b", "damaged"] in lines
    assert "runs/b: config.json: expected JSON, found nothing" in printed


@pytest.mark.parametrize(
    ("seconds", "age"), [(-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (7200, "2 h"), (86400 * 12, "12 d")]
)
def test_ages_have_one_unit(seconds: float, age: str) -> None:
    assert age in _print(runs_report([RUN], now=RUN.when + seconds))


def test_long_names_fold_and_figures_do_not() -> None:
    printed = _print(runs_report([replace(RUN, path="runs/" + "a-very-long-name-" * 4)], now=1000.0))
    assert max(map(len, printed.splitlines())) <= 80
    assert "21.8" in printed
    assert "finished" in printed


def test_json_has_shares_and_utc() -> None:
    first, second = json.loads(runs_json([RUN, DAMAGED]))
    assert (first["when"], second["when"]) == ("1970-01-01T00:16:40+00:00", None)
    assert first["tests"][0]["mAP"] == 0.1557


COMPARISON = RunComparison(
    runs=(RUN, replace(RUN, path="runs/no-vcd", state="running", best=None, tests=[])),
    settings={"losses.vcd_weight": ("2.0", "0.0"), "schedule.gamma": (None, "0.1")},
    curves={10: {"loss total": (14.3301, 0.00078612), "accuracy": (0.0102, 0.5)}},
    pace={
        "pictures a second": (18.06, 19.3),
        "training time": (92.2, None),
        "memory": (666e6, 1.25e9),
        "device memory": (None, None),
    },
)


def test_two_runs_stand_side_by_side() -> None:
    lines = [" ".join(line.split()) for line in _print(comparison_report(COMPARISON)).splitlines()]
    for expected in (
        "state finished running",
        "epochs 3 of 3 3 of 3",
        "best validation mAP, % 21.77 (epoch 3) –",
        "pictures a second 18.1 19.3",
        "training time 0:01:32 –",
        "memory 666 MB 1.2 GB",
        "losses.vcd_weight 2.0 0.0",
        "schedule.gamma – 0.1",
        "step 10: loss total 14.33 0.0007861",
        "step 10: accuracy, % 1.02 50.00",
        f"{NAME} rank-1 10.81 –",
        "in %, means over trials",
    ):
        assert expected in lines, expected
    assert not any("device memory" in line for line in lines)


def test_what_two_runs_lack_is_said() -> None:
    run = replace(RUN, tests=[])
    printed = _print(comparison_report(replace(COMPARISON, runs=(run, run), settings={}, curves={})))
    for expected in ("the same settings", "no log lines at equal steps", "no test figures yet"):
        assert expected in printed


def test_a_comparison_as_json_has_both_runs_and_all_values() -> None:
    found = json.loads(comparison_json(COMPARISON))
    assert [run["path"] for run in found["runs"]] == ["runs/first", "runs/no-vcd"]
    assert found["settings"]["schedule.gamma"] == [None, "0.1"]
    assert found["curves"]["10"]["accuracy"] == [0.0102, 0.5]
