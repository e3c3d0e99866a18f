"""Summaries and comparisons of runs, from run folders written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mvd.commands.results.runs import compare_runs, is_run, list_runs, summarise
from mvd.config import CosineSchedule, RunConfig
from mvd.config.recipes import RECIPES
from mvd.errors import RunError
from mvd.runs import RunData, create_run


def _log(step: int, **changes: Any) -> dict[str, Any]:
    return {
        "step": step, "epoch": 1 + (step - 1) // 10, "losses": {"identity": 5 / step, "total": 8 / step},
        "accuracy": step / 100, "lr": 0.1, "pictures_per_second": 64.0, "memory": {"resident": 100 * step},
    } | changes  # fmt: skip


def _run(path: Path, config: RunConfig, *records: dict[str, Any], trial: int | None = None) -> Path:
    data = RunData(root="/data", prepared="/data", dataset="sysu", identities=(1, 2), trial=trial)
    create_run(path, config, data, replace=False)
    (path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


DEMO = replace(RECIPES["demo"], schedule=CosineSchedule(epochs=3, warmup_epochs=1.0), seed=5)


def test_a_summary_has_the_nearest_recipe_epochs_and_the_best_validation(tmp_path: Path) -> None:
    validations = [
        {"step": step, "epoch": epoch, "validation": {"rank-1": mAP, "mAP": mAP}, "best": True}
        for step, epoch, mAP in ((10, 1, 0.3), (20, 2, 0.2))
    ]
    run = summarise(_run(tmp_path / "run", DEMO, _log(10), validations[0], _log(20), validations[1], trial=7))
    assert (run.recipe, run.seed, run.dataset, run.state) == ("demo +1", 5, "sysu trial 7", "unknown")
    assert (run.step, run.epochs_done, run.epochs) == (20, 1, 3)
    assert run.best == {"epoch": 1, "rank-1": 0.3, "mAP": 0.3}
    assert run.tests == []
    assert run.when > 0


@pytest.mark.parametrize(("files", "weights"), [(("last",), "last"), (("best", "last"), "best")])
def test_test_figures_are_those_of_the_best_checkpoint_else_of_the_last(
    tmp_path: Path, files: tuple[str, ...], weights: str
) -> None:
    folder = _run(tmp_path / "run", DEMO)
    for place, name in enumerate(files):
        mean = {"rank_1": place, "mAP": 0.5, "mINP": 0.25}
        result = {"protocol": "p", "ranking": "cosine", "mean": mean}
        (folder / f"evaluation-{name}.json").write_text(json.dumps({"results": [result]}))
    (test,) = summarise(folder).tests
    assert (test.protocol, test.weights, test.rank_1, test.mINP) == ("p", weights, 0, 0.25)


def test_runs_are_found_below_folders_each_once_and_not_within_runs(tmp_path: Path) -> None:
    for name in ("b/deep/run", "a"):
        _run(tmp_path / name, DEMO)
    (tmp_path / "a" / "inner").mkdir()
    (tmp_path / "a" / "inner" / "config.json").write_text("{}")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "metrics.jsonl").write_text("")
    runs = list_runs([tmp_path, tmp_path / "a"])
    assert [Path(run.path).relative_to(tmp_path).as_posix() for run in runs] == ["a", "b/deep/run", "c"]
    assert [run.state for run in runs] == ["unknown", "unknown", "damaged"]
    assert not is_run(tmp_path / "b")
    with pytest.raises(RunError, match="nowhere: expected a folder with runs in it"):
        list_runs([tmp_path / "nowhere"])


def test_two_runs_are_compared_at_three_steps_that_both_have(tmp_path: Path) -> None:
    steps = range(10, 70, 10)
    one = _run(tmp_path / "one", DEMO, *(_log(step) for step in steps))
    slow = {"pictures_per_second": 32.0, "memory": {}, "losses": {"total": 1.0}}
    other = _run(tmp_path / "other", replace(DEMO, seed=6), *(_log(step, **slow) for step in [*steps, 65]))
    found = compare_runs(one, other)
    assert found.settings == {"seed": ("5", "6")}
    assert list(found.curves) == [20, 40, 60]
    assert found.curves[40] == {"loss total": (0.2, 1.0), "accuracy": (0.4, 0.4)}
    batch = 2 * DEMO.sampling.identities * DEMO.sampling.pictures
    assert found.pace["pictures a second"] == (64.0, 32.0)
    first, second = found.pace["training time"]
    assert first == pytest.approx(60 * batch / 64)
    assert second == pytest.approx(65 * batch / 32)
    assert found.pace["memory"] == (6000, None)
    assert found.pace["device memory"] == (None, None)


def test_a_run_without_log_lines_has_no_pace_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    one, other = _run(tmp_path / "one", DEMO), _run(tmp_path / "other", DEMO)
    found = compare_runs(one, other)
    assert (found.curves, found.settings) == ({}, {})
    assert set(found.pace.values()) == {(None, None)}
    (other / "config.json").write_text("{")
    with pytest.raises(RunError, match="expected JSON"):
        compare_runs(one, other)
