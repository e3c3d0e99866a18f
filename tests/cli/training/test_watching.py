"""Watching runs from the command line: mvd runs, and mvd train --tensorboard."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from shell import TINY, mvd, printed, refused
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mvd.reporting.terminal.progress import TrainingBar
from mvd.runs import open_run
from mvd.runs.observer import StepLog


@pytest.fixture(scope="module")
def whole(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    assert mvd("train", people, "--out", run, *TINY, "--tensorboard") == 0
    return run


@pytest.fixture
def runs(whole: Path, tmp_path: Path) -> Path:
    """A folder with a finished run in it, which a test may damage."""
    shutil.copytree(whole, tmp_path / "runs" / "first")
    return tmp_path / "runs"


def listed(capsys: pytest.CaptureFixture[str], *folders: Path) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert mvd("runs", *folders, "--format", "json") == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def interrupted(monkeypatch: pytest.MonkeyPatch, step: int, what: Callable[[], object]) -> None:
    """Let something happen right after the log line of a step."""

    def logged(bar: TrainingBar, log: StepLog) -> None:
        if log.step == step:
            what()

    monkeypatch.setattr(TrainingBar, "logged", logged)


def events(run: Path) -> EventAccumulator:
    read = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "scalars": 0})
    read.Reload()
    return read


def points(run: Path) -> dict[str, list[tuple[int, Any]]]:
    """Give what TensorBoard shows but for speed and memory, which differ from run to run."""
    read = events(run)
    scalars = [tag for tag in read.Tags()["scalars"] if not tag.startswith(("memory", "pictures"))]
    shown = {tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in scalars}
    images = read.Images("batch") if "batch" in read.Tags()["images"] else []
    return shown | {"batch": [(image.step, hash(image.encoded_image_string)) for image in images]}


def test_a_finished_run_is_listed_with_its_figures(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = listed(capsys, runs)
    assert (run["state"], run["dataset"], run["device"], run["seed"]) == ("finished", "sysu", "cpu", 0)
    assert (run["epochs_done"], run["epochs"], run["step"], run["steps"]) == (2, 2, 4, 4)
    records = [record for record in open_run(runs / "first").metrics() if "validation" in record]
    assert run["best"]["mAP"] == max(record["validation"]["mAP"] for record in records)
    expected = json.loads((runs / "first" / "evaluation-best.json").read_text())["results"]
    assert [(test["protocol"], test["mAP"]) for test in run["tests"]] == [
        (result["protocol"], result["mean"]["mAP"]) for result in expected
    ]
    for columns in ("80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.chdir(runs.parent)
        assert mvd("runs") == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= int(columns)
        (row,) = (line for line in lines if line.startswith(" runs/first") or line.startswith("runs/first"))
        assert "finished" in row
        assert any("(1) sysu/all-search/single-shot/seeded" in line for line in lines)


def test_runs_that_end_otherwise_say_so(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupted(patch, 1, lambda: signal.raise_signal(signal.SIGINT))
        assert mvd("train", people, "--out", tmp_path / "runs/stopped", *TINY) == 130

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        interrupted(patch, 2, twice)
        assert mvd("train", people, "--out", tmp_path / "runs/stopped-at-once", *TINY) == 130
    seen: list[str] = []
    with monkeypatch.context() as patch:
        interrupted(patch, 2, lambda: seen.append(listed(capsys, tmp_path / "runs/failed")[0]["state"]))
        assert mvd("train", people, "--out", tmp_path / "runs/failed", *TINY, "--optimizer.lr", "1e30") == 1
    assert seen in ([], ["running"])
    found = {Path(run["path"]).name: run for run in listed(capsys, tmp_path)}
    states = {name: run["state"] for name, run in found.items()}
    assert states == {"failed": "failed", "stopped": "stopped", "stopped-at-once": "stopped"}
    assert "expected a finite" in found["failed"]["reason"]


def test_a_running_run_is_seen_running(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    with monkeypatch.context() as patch:
        interrupted(patch, 3, lambda: seen.extend(listed(capsys, tmp_path)))
        assert mvd("train", people, "--out", tmp_path / "run", *TINY, "--evaluate", "none") == 0
    (run,) = seen
    assert (run["state"], run["step"], run["steps"], run["epochs_done"]) == ("running", 3, 4, 1)


def damage_config(run: Path) -> None:
    (run / "config.json").write_text('{"seed": ')


def forget_config(run: Path) -> None:
    (run / "config.json").unlink()


def damage_data(run: Path) -> None:
    (run / "data.json").write_text("[]")


def damage_metrics(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join([lines[0][:20], *lines[1:]]) + "\n")


def damage_state(run: Path) -> None:
    (run / "state.json").write_text("")


def damage_figures(run: Path) -> None:
    (run / "evaluation-best.json").write_text('{"results": [{}]}')


@pytest.mark.parametrize(
    "damage", [damage_config, forget_config, damage_data, damage_metrics, damage_state, damage_figures]
)
def test_a_damaged_run_is_listed_with_the_reason(
    runs: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    shutil.copytree(runs / "first", runs / "second")
    damage(runs / "first")
    first, second = listed(capsys, runs)
    assert (first["state"], second["state"]) == ("damaged", "finished")
    assert str(runs / "first") in first["reason"]
    assert mvd("runs", runs) == 0
    assert first["reason"].split()[-1] in printed(capsys)
    assert first["reason"] in refused(capsys, "runs", runs / "first", runs / "second")


def test_a_half_written_line_and_missing_figures_are_no_damage(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (runs / "first" / "metrics.jsonl").open("a") as lines:
        lines.write('{"step": 5, "lo')
    (runs / "first" / "evaluation-best.json").unlink()
    (run,) = listed(capsys, runs)
    assert (run["state"], run["step"], run["tests"]) == ("finished", 4, [])


def test_two_runs_are_compared(
    people: Path, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = runs / "other"
    changes = ("--seed=1", "--losses.vcd-weight=0", "--schedule.epochs=1", "--evaluate=none")
    assert mvd("train", people, "--out", other, *TINY, *changes) == 0
    capsys.readouterr()
    assert mvd("runs", runs / "first", other, "--format", "json") == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["settings"] == {
        "seed": ["0", "1"],
        "losses.vcd_weight": ["2.0", "0.0"],
        "schedule.epochs": ["2", "1"],
    }
    assert list(compared["curves"]) == ["1", "2"]
    logs = [[log for log in open_run(run).metrics() if "losses" in log] for run in (runs / "first", other)]
    assert compared["curves"]["2"]["loss total"] == [log[1]["losses"]["total"] for log in logs]
    assert "loss vcd" not in compared["curves"]["2"]
    assert all(value > 0 for value in compared["pace"]["pictures a second"])
    for columns in ("80", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.chdir(runs)
        assert mvd("runs", "first", "other") == 0
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= int(columns)
        assert "losses.vcd_weight" in shown
        assert "sysu/all-search/single-shot/seeded mAP" in shown


def test_folders_without_runs_are_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mvd("runs", tmp_path) == 0
    assert f"no runs in {tmp_path}" in printed(capsys)
    monkeypatch.chdir(tmp_path)
    assert "runs: expected a folder with runs in it, found none; name one" in refused(capsys, "runs")


def test_tensorboard_has_what_the_log_has(whole: Path) -> None:
    shown = points(whole)
    records = open_run(whole).metrics()
    logs = [record for record in records if "losses" in record]
    for name in logs[0]["losses"]:
        assert shown[f"losses/{name}"] == [(log["step"], pytest.approx(log["losses"][name])) for log in logs]
    for name in ("accuracy", "lr", "epoch"):
        assert shown[name] == [(log["step"], pytest.approx(log[name])) for log in logs]
    validations = [(record["step"], record["validation"]) for record in records if "validation" in record]
    assert shown["validation/mAP"] == [(step, pytest.approx(figures["mAP"])) for step, figures in validations]
    assert "memory/resident" in events(whole).Tags()["scalars"]
    assert [step for step, _ in shown["batch"]] == [0, 2]


def test_tensorboard_shows_the_batch_and_the_settings(whole: Path) -> None:
    read = events(whole)
    sheet = Image.open(BytesIO(read.Images("batch")[0].encoded_image_string))
    # Two people in rows of 32 pixels, two visible and two infrared pictures of 16 in each.
    assert sheet.size == (44 + 4 * 20 + 8, 2 * 36 + 4)
    (metadata,) = (read.SummaryMetadata(tag) for tag in ["_hparams_/session_start_info"])
    assert b"losses.vcd_weight" in metadata.plugin_data.content


@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_resumed_run_neither_repeats_nor_loses_a_point(
    people: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupted(patch, stop_after, lambda: signal.raise_signal(signal.SIGINT))
        assert mvd("train", people, "--out", run, *TINY, "--tensorboard") == 130
    assert mvd("train", "--resume", run, "--tensorboard", "--evaluate", "none") == 0
    assert points(run) == points(whole)


def test_what_is_seen_after_the_last_checkpoint_is_taken_back(
    people: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise RuntimeError("killed")

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupted(patch, 3, die)  # after the checkpoint of step 2
        with pytest.raises(RuntimeError, match="killed"):
            mvd("train", people, "--out", run, *TINY, "--tensorboard")
    assert mvd("train", "--resume", run, "--tensorboard", "--evaluate", "none") == 0
    assert points(run) == points(whole)


def test_a_run_that_is_watched_from_its_middle_has_its_beginning(
    people: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupted(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
        assert mvd("train", people, "--out", run, *TINY) == 130
    assert mvd("train", "--resume", run, "--tensorboard", "--evaluate", "none") == 0
    assert points(run) == points(whole) | {"batch": []}


def test_without_tensorboard_nothing_is_begun(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    message = refused(capsys, "train", people, "--out", tmp_path / "run", *TINY, "--tensorboard")
    assert "expected the package tensorboard, found none that works" in message
    assert not (tmp_path / "run").exists()
