"""train.py that goes on: stopped runs, weights of a file, other settings; and what it refuses to go on with."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from original.programs import SMALL, Program, last_weights, names

from mvd.original import training
from mvd.original.watching import Watcher
from mvd.runs import load_checkpoint, open_run
from mvd.runs.observer import StepLog
from mvd.weights import convert


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch, times: int) -> Iterator[None]:
    """Let Ctrl-C be pressed at each log line, as often as that."""
    left = iter(range(times))

    def logged(watcher: Watcher, log: StepLog) -> None:
        if next(left, None) is not None:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "logged", logged)
        yield


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    here: Path, sysu: Path, train: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(sysu, "--tag", "whole", "--save_period", "1")
    for file in here.glob("*.*"):
        file.unlink()
    with interrupted(monkeypatch, times=1):
        output = train(sysu, "--save_period", "1", ends=130)
    assert output.splitlines()[-1] == "stopped; go on with: python train.py --resume runs/sysu_all"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    output = train(sysu, "--save_period", "1", "--resume", "runs/sysu_all")
    assert last_weights(here / "runs" / "sysu_all") == last_weights(here / "runs" / "whole")
    assert [name[:8] for name in names(here) if name.startswith("epoch")] == ["epoch_01", "epoch_02"]
    assert (here / "SYSU_train_performance.txt").read_text().count("Args: ") == 2


def test_a_run_whose_data_have_moved_goes_on_when_told_where_they_are(
    here: Path, sysu: Path, tmp_path: Path, train: Program, refused: Program
) -> None:
    data = shutil.copytree(sysu, tmp_path / "data")
    train(data)
    other = ("--data_path", sysu, *SMALL, "--resume", "runs/sysu_all")
    assert f"found --data_path {sysu}; omit it" in refused(training.main, *other)
    data.rename(tmp_path / "moved")
    train(tmp_path / "moved", "--resume", "runs/sysu_all")
    assert open_run(here / "runs" / "sysu_all").data.root == str(tmp_path / "moved")


def test_a_second_interrupt_stops_at_once(
    here: Path, sysu: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with interrupted(monkeypatch, times=2):
        assert training.main(["--data_path", str(sysu), *SMALL, "--print_per_step", "1"]) == 130
    assert capsys.readouterr().err == "train.py: stopped\n"


def test_a_run_starts_from_weights_of_a_file(after_training: Path, sysu: Path, train: Program) -> None:
    (weights,) = after_training.glob("best_*")
    # At a rate of nearly nothing the weights stay what they were.
    train(sysu, "--tag", "second", "--resume", weights, "--lr", "1e-30")
    kept, _ = load_checkpoint(weights)
    after, _ = load_checkpoint(after_training / "runs/second/checkpoints/last.safetensors")
    for name in ("visible.encoder.conv1.weight", "shared.bottleneck.classifier.4.weight"):
        np.testing.assert_array_equal(after[name], kept[name])
    assert [record["step"] for record in open_run(after_training / "runs" / "second").metrics()] == [2, 2, 4, 4]


def test_weights_of_the_release_go_on_at_an_epoch(after_training: Path, sysu: Path, train: Program) -> None:
    (weights,) = after_training.glob("best_*")
    convert(weights, Path("mvd.ckpt"), to="mindspore")
    train(sysu, "--tag", "second", "--resume", "mvd.ckpt", "--start_epoch", "2", "--save_period", "1")
    records = open_run(after_training / "runs" / "second").metrics()
    assert [record["step"] for record in records] == [4, 4]
    assert records[0]["lr"] == pytest.approx(0.0035 * 2 / 5)
    # The first epoch was another run's, so it is not kept as this one's.
    assert [name[:8] for name in names(after_training) if name.startswith("epoch")] == ["epoch_02"]


def test_a_run_is_not_made_twice(after_training: Path, sysu: Path, refused: Program) -> None:
    before = (after_training / "SYSU_train_performance.txt").read_text()
    again = refused(training.main, "--data_path", sysu, *SMALL)
    assert "go on with it: python train.py --resume runs/sysu_all, or choose another --tag" in again
    assert (after_training / "SYSU_train_performance.txt").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--z_dim", "6", "--lr", "0.5"), "found --z_dim 6 instead of"),
        (("--epoch", "1"), "--epoch: expected more than the 2 epochs that the run has taken, found 1"),
        (("--device_target", "GPU"), "expected a device of this machine, found 'cuda:0'"),
        (("--data_path", "elsewhere"), "which the run was started on, found --data_path elsewhere"),
        (("--dataset", "RegDB"), "expected the layout of RegDB, found that of sysu"),
        (("--start_epoch", "2"), "--start_epoch: expected it beside --resume with a file of weights"),
    ],
)
def test_a_run_goes_on_with_its_own_settings(
    after_training: Path, refused: Program, arguments: tuple[str, ...], message: str
) -> None:
    before = (after_training / "SYSU_train_performance.txt").read_text()
    assert message in refused(training.main, "--resume", "runs/sysu_all", *arguments)
    assert (after_training / "SYSU_train_performance.txt").read_text() == before


def test_a_run_goes_on_in_the_framework_that_is_installed_and_names_it(
    after_training: Path, sysu: Path, train: Program, refused: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvd.commands.engine.is_installed", lambda framework: framework == "pytorch")
    asked = ("--resume", "runs/sysu_all", "--framework", "mindspore")
    assert "expected the package mindspore, found none" in refused(training.main, *asked)
    run = open_run(after_training / "runs" / "sysu_all")
    run.change(4, 2, {"framework": "mindspore"})  # as if it had gone on in MindSpore
    output = train(sysu, "--resume", "runs/sysu_all")
    assert output.splitlines()[0] == "framework: pytorch; the run was trained with mindspore"
    assert output.splitlines()[1].startswith("Framework: PyTorch")


def test_a_run_goes_on_with_more_epochs_at_another_rate(after_training: Path, sysu: Path, train: Program) -> None:
    train(sysu, "--resume", "runs/sysu_all", "--epoch", "3", "--lr", "0.001")
    run = open_run(after_training / "runs" / "sysu_all")
    assert [(change.epoch, dict(change.changes)) for change in run.changes] == [
        (2, {"optimizer.lr": 0.001, "schedule.epochs": 3})
    ]
    assert load_checkpoint(run.checkpoint("last"))[1].epoch == 3


def test_a_finished_run_is_tested_again(after_training: Path, sysu: Path, train: Program) -> None:
    first = (after_training / "SYSU_train_performance.txt").read_text().splitlines()
    assert train(sysu, "--resume", "runs/sysu_all").splitlines()[-1] == first[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--train_on", "train+validation"),
            "expected weights for the 5 people that are trained on, found weights for 3",
        ),
        (("--z_dim", "6"), "expected the weights of this run's network, found"),
    ],
)
def test_weights_that_do_not_fit_are_one_line_and_leave_nothing(
    after_training: Path, sysu: Path, refused: Program, arguments: tuple[str, ...], message: str
) -> None:
    (weights,) = after_training.glob("best_*")
    before = names(after_training)
    line = refused(training.main, "--data_path", sysu, *SMALL, "--tag", "new", "--resume", weights, *arguments)
    assert f"{weights.name}: {message}" in line
    assert names(after_training) == before
    assert names(after_training / "runs") == ["sysu_all"]


def test_damaged_weights_are_one_line(after_training: Path, sysu: Path, refused: Program) -> None:
    (weights,) = after_training.glob("best_*")
    weights.write_bytes(weights.read_bytes()[:-100])
    line = refused(training.main, "--data_path", sysu, *SMALL, "--tag", "new", "--resume", weights)
    assert f"{weights.name}: expected weights" in line
