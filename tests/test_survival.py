"""Runs that are killed, stopped or robbed of their data, as a user meets it: through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shell import TINY, mvd, refused

from mvd.runs import RunFolder, load_checkpoint, open_run
from mvd.training.state import TrainState
from mvd.training.trainer import train_step

STEPS = 12
SHORT = (*TINY, "--schedule.epochs=6", "--runtime.validate-every=2", "--runtime.log-every=3", "--evaluate=none")
LONG = (*SHORT, "--runtime.checkpoint-minutes=0")  # a checkpoint after every step


@pytest.fixture(scope="module")
def whole(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert mvd("train", people, "--out", run, *LONG) == 0
    return run


def state(run: Path) -> tuple[dict[str, bytes], list[str]]:
    """Give all that a run ends with: every checkpoint's tensors and words, and the log without rates."""
    folder = open_run(run)
    content: dict[str, bytes] = {}
    for name in ("last", "best"):
        tensors, meta = load_checkpoint(folder.checkpoint(name))
        content |= {f"{name} {key}": values.tobytes() for key, values in tensors.items()} | {name: repr(meta).encode()}
    records = [{**record, "pictures_per_second": None, "memory": None} for record in folder.metrics()]
    return content, [json.dumps(record) for record in records]


def step_of(run: Path) -> int:
    try:
        return load_checkpoint(RunFolder(run).checkpoint("last"))[1].step
    except Exception:
        return 0


def is_saving(run: Path) -> bool:
    return any((run / "checkpoints").glob(".last.safetensors.*.part"))


def kill_when(ripe: Callable[[], bool], *arguments: str | Path) -> None:
    """Start a command in a process of its own, and kill it at a moment."""
    code = "import sys; from mvd.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not ripe():
            time.sleep(0.001)
        process.kill()
        assert process.stderr is not None
        assert process.wait() == -signal.SIGKILL, process.stderr.read()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_killed_while_it_saves_ends_as_one_that_never_was(people: Path, tmp_path: Path, whole: Path) -> None:
    run = tmp_path / "run"
    kill_when(lambda: step_of(run) >= 2 and is_saving(run), "train", people, "--out", run, *LONG)
    assert mvd("train", "--resume", run, "--evaluate=none") == 0
    assert state(run) == state(whole)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_killed_three_times_ends_as_one_that_never_was(people: Path, tmp_path: Path, whole: Path) -> None:
    run = tmp_path / "run"
    kill_when(run.joinpath("config.json").exists, "train", people, "--out", run, *LONG)
    kill_when(lambda: step_of(run) >= 2 and is_saving(run), "train", "--resume", run, "--evaluate=none")
    kill_when(lambda: step_of(run) >= STEPS // 2, "train", "--resume", run, "--evaluate=none")
    assert mvd("train", "--resume", run, "--evaluate=none") == 0
    assert state(run) == state(whole)


Before = Callable[[int, Callable[[], object]], None]


@pytest.fixture
def before_step(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Let something happen once, just before a step, counted from 0."""

    def arrange(step: int, happens: Callable[[], object]) -> None:
        waiting = [happens]

        def interrupted(current: TrainState, *arguments: Any, **named: Any) -> object:
            if current.step == step and waiting:
                waiting.pop()()
            return train_step(current, *arguments, **named)

        monkeypatch.setattr("mvd.training.trainer.train_step", interrupted)

    return arrange


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_says_how_to_go_on(
    people: Path,
    tmp_path: Path,
    whole: Path,
    before_step: Before,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    run = tmp_path / "run"
    before_step(6, lambda: signal.raise_signal(number))
    assert mvd("train", people, "--out", run, *SHORT) == 130
    assert f"stopped; continue with: mvd train --resume {run}" in capsys.readouterr().out
    assert step_of(run) == 7
    assert mvd("train", "--resume", run, "--evaluate=none") == 0
    assert state(run) == state(whole)


def test_a_run_killed_before_its_first_checkpoint_begins_again_from_the_same_weights(
    people: Path, tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = shutil.copy(whole / "checkpoints" / "best.safetensors", tmp_path / "start.safetensors")
    once, again = tmp_path / "once", tmp_path / "again"
    assert mvd("train", people, "--out", once, *SHORT, "--pretrained", start) == 0
    shutil.copytree(once, again)
    shutil.rmtree(again / "checkpoints")
    assert "continue it with: mvd train --resume" in refused(capsys, "evaluate", again)
    assert mvd("train", "--resume", again, "--evaluate=none") == 0
    assert state(again) == state(once)
    shutil.rmtree(again / "checkpoints")
    Path(start).unlink()
    assert "start.safetensors: expected the weights that the run starts from" in refused(
        capsys, "train", "--resume", again
    )


def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(
    whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    last = run / "checkpoints" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-1])
    assert mvd("train", "--resume", run, "--evaluate=none") == 0
    assert f"continuing from the previous one, of step {STEPS - 1}" in caplog.text
    assert state(run) == state(whole)
    for name, remedy in (("best", "--weights last"), ("last", f"mvd train --resume {run} goes on from the one before")):
        file = run / "checkpoints" / f"{name}.safetensors"
        file.write_bytes(file.read_bytes()[:-1])
        assert f"put a copy in its place, or: {remedy}" in refused(capsys, "evaluate", run, "--weights", name)


def test_a_run_whose_data_have_moved_goes_on_when_told_where_they_are(
    data: Path, tmp_path: Path, whole: Path, before_step: Before, capsys: pytest.CaptureFixture[str]
) -> None:
    run, moved = tmp_path / "run", tmp_path / "elsewhere"
    before_step(4, lambda: signal.raise_signal(signal.SIGINT))
    assert mvd("train", data, "--out", run, *SHORT) == 130
    data.rename(moved)
    message = refused(capsys, "train", "--resume", run)
    assert f"{data}: expected the data set that the run was started on" in message
    assert f"restore it, or name its new place: mvd train DATA --resume {run}" in message
    assert mvd("train", moved, "--resume", run, "--evaluate=none") == 0
    assert state(run) == state(whole)
    assert (open_run(run).data.root, open_run(run).data.prepared) == (str(moved), str(moved))


def test_a_run_does_not_go_on_with_other_pictures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert mvd("train", data, "--out", run, *SHORT) == 0
    file = data / "train_ir_resized_img.npy"
    np.save(file, 255 - np.load(file))
    assert "expected the training pictures that the run was started with" in refused(capsys, "train", "--resume", run)


def test_data_that_vanish_in_the_middle_of_a_run_are_one_clear_error(
    data: Path, tmp_path: Path, before_step: Before, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    file = data / "train_ir_resized_img.npy"
    # By a byte, so that whoever is reading at this moment still has all pages of it.
    before_step(4, lambda: os.truncate(file, file.stat().st_size - 1))
    message = refused(capsys, "train", data, "--out", run, *SHORT)
    assert "train_ir_resized_img.npy: expected the" in message
    assert f"then continue with: mvd train --resume {run}" in message


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_once_there_is_space(
    people: Path, tmp_path: Path, whole: Path, before_step: Before, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    run = tmp_path / "run"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before_step(6, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1])))
    try:
        message = refused(capsys, "train", people, "--out", run, *LONG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "last.safetensors: expected to write it, could not" in message
    assert f"free space there or allow writing to it, then continue with: mvd train --resume {run}" in message
    assert step_of(run) == 6
    assert mvd("train", "--resume", run, "--evaluate=none") == 0
    assert state(run) == state(whole)


def test_a_run_that_somebody_works_on_is_left_alone(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_run(whole).locked():
        assert "expected no other process at work on this run" in refused(capsys, "train", "--resume", whole)
