"""train.py from its command line to its files, on tiny data."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from original.programs import SMALL, Program
from safetensors.numpy import save_file

from mvd.backends import StepLog
from mvd.interop import convert
from mvd.interop.encoders import resnet_shapes
from mvd.original import training
from mvd.original.watching import Watcher
from mvd.runs import load_checkpoint, open_run

STEP = (
    r"Epoch: \[\d\]\[\d/2\]   Convolution LR: 0\.000\d{4}   IB & Classifier LR: 0\.00\d{5}    "
    r"Loss:[\d.]+   id:[\d.]+   tri:[\d.]+   Batch Time:[\d.]+  Accuracy:[\d.]+"
)
KEPT = r"epoch_\d\d_rank1_\d+\.\d\d_mAP_\d+\.\d\d\.safetensors"


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def last_weights(run: Path) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in load_checkpoint(run / "checkpoints/last.safetensors")[0].items()}


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


def test_sysu_leaves_the_files_and_lines_of_the_release(here: Path, sysu: Path, train: Program) -> None:
    output = train(sysu, "--print_per_step", "1", "--save_period", "1", "--sysu_mode", "indoor")
    performance = (here / "SYSU_train_performance.txt").read_text()
    assert performance == output
    lines = performance.splitlines()
    assert lines[0].startswith("Args: --data_path ")
    steps = [line.partition("   ")[0] for line in lines if re.fullmatch(STEP, line)]
    assert steps == ["Epoch: [1][1/2]", "Epoch: [1][2/2]", "Epoch: [2][1/2]", "Epoch: [2][2/2]"]
    epochs = [index for index, line in enumerate(lines) if re.fullmatch(r"rank-1: [\d.]+%, mAP: [\d.]+%", line)]
    assert len(epochs) == 2
    assert all(set(lines[index + 1]) == {"*"} for index in epochs)
    assert "Protocol: sysu/indoor-search/single-shot/seeded, 12 queries with a match" in performance
    assert lines[-2] == "For SYSU-MM01 indoor search, the testing result is:"
    assert re.fullmatch(r"Best: rank-1: [\d.]+%, mAP: [\d.]+%, Best epoch: [12]\(according to mAP .*\)", lines[-1])
    _, best, first, second, runs = names(here)
    assert re.fullmatch(f"best_{KEPT}", best)
    assert re.fullmatch(KEPT, first)
    assert (first[:8], second[:8], runs) == ("epoch_01", "epoch_02", "runs")
    assert open_run(here / "runs" / "sysu_indoor").config.data.train_on == "train"


def test_the_best_weights_are_the_only_ones_called_so(here: Path, sysu: Path, train: Program) -> None:
    train(sysu, "--epoch", "4")
    run = open_run(here / "runs" / "sysu_all")
    best = [record for record in run.metrics() if record.get("best")][-1]
    (file,) = here.glob("best_*")
    figures = best["validation"]
    assert file.name.startswith(f"best_epoch_{best['epoch']:02}_rank1_{100 * figures['rank-1']:.2f}_mAP_")
    kept, _ = load_checkpoint(file)
    expected, _ = load_checkpoint(run.checkpoint("best"))
    assert {name: values.tobytes() for name, values in kept.items()} == {
        name: values.tobytes() for name, values in expected.items()
    }


def test_weights_are_kept_every_so_many_epochs(here: Path, sysu: Path, train: Program) -> None:
    train(sysu, "--epoch", "5", "--save_period", "2")
    assert [name[:8] for name in names(here) if name.startswith("epoch")] == ["epoch_02", "epoch_04"]


def test_regdb_is_prepared_and_its_last_weights_count(here: Path, regdb: Path, train: Program) -> None:
    output = train(regdb, "--dataset", "RegDB", "--regdb_mode", "i2v", "--trial", "2", "--save_period", "1")
    assert (regdb / "trial-2" / "train_rgb_resized_img.npy").exists()
    assert "Protocol: regdb/thermal-to-visible/trial-2, 6 queries with a match, gallery 6, 1 trial" in output
    assert "For RegDB i2v search, the testing result is:" in output
    assert output.splitlines()[-1].endswith("Last epoch: 2(nobody is held out to choose by)")
    found = names(here)
    assert found[0] == "RegDB_train_performance.txt"
    assert [name[:13] for name in found if name.startswith("best")] == ["best_epoch_02"]
    assert [name[:8] for name in found if name.startswith("epoch")] == ["epoch_01", "epoch_02"]
    assert names(here / "runs") == ["regdb_i2v_2"]
    # The first epoch's figures name its file; those of the last are the result, and no test is made twice.
    assert output.count("Protocol: ") == 2


def test_all_of_the_release_s_people_can_be_trained_on(here: Path, sysu: Path, train: Program) -> None:
    output = train(sysu, "--train_on", "train+validation")
    assert "nobody is held out to choose by" in output
    assert len(open_run(here / "runs" / "sysu_all").data.identities) == 5


def test_official_galleries_are_taken_where_they_are(
    here: Path, tmp_path: Path, train: Program, refused: Program, sysu: Path
) -> None:
    data = shutil.copytree(sysu, tmp_path / "official")
    (data / "exp" / "rand_perm_cam.mat").write_bytes(b"")
    message = refused(training.main, "--data_path", data, *SMALL)
    assert "rand_perm_cam.mat" in message


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
    assert f"found --data_path {sysu}; leave it away" in refused(training.main, *other)
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


def test_data_are_copied_first_where_the_target_is_the_cloud(
    here: Path, sysu: Path, train: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    train(sysu, "--device_target", "Cloud", "--data_url", f"file://{sysu}", "--epoch", "1")
    assert Path(open_run(here / "runs" / "sysu_all").data.root).is_relative_to(here / "cache")


def test_arguments_without_effect_are_explained(here: Path, sysu: Path, train: Program) -> None:
    output = train(sysu, "--parameter_server", "--run_distribute", "--epoch", "1")
    assert "--parameter_server: MindSpore's own; of no effect here" in output
    assert "--run_distribute: one device takes part" in output


def test_a_run_that_cannot_be_compiled_says_so_and_goes_on_under_the_same_arguments(
    here: Path, sysu: Path, train: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    output = train(sysu, "--epoch", "1", "--MSmode", "GRAPH_MODE")
    assert "--MSmode GRAPH_MODE: the network is not compiled" in output
    train(sysu, "--epoch", "1", "--MSmode", "GRAPH_MODE", "--resume", "runs/sysu_all")


def test_encoders_start_from_weights_of_a_file_or_a_url(
    here: Path, sysu: Path, train: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    rng = np.random.default_rng(0)
    encoder = {name: rng.random(shape, np.float32) for name, shape in resnet_shapes("resnet18", 2).items()}
    save_file(encoder, "resnet.safetensors")
    # At a rate of nearly nothing the weights stay what they were.
    url = f"file://{here / 'resnet.safetensors'}"
    train(sysu, "--lr", "1e-30", "--tag", "one", "--pretrain", "resnet.safetensors")
    cloud = ("--device_target", "Cloud", "--data_url", f"file://{sysu}")
    train(sysu, "--lr", "1e-30", "--tag", "two", "--pretrain", url, *cloud)
    for run in ("one", "two"):
        tensors, _ = load_checkpoint(here / "runs" / run / "checkpoints" / "last.safetensors")
        for branch in ("visible", "infrared", "shared"):
            name = "layer3.1.conv2.weight"
            np.testing.assert_array_equal(tensors[f"{branch}.encoder.{name}"], encoder[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--batch_size", "9"), "lower --batch_size to 3 or fewer"),
        (("--img_h", "64"), "or train with --img_h 32 --img_w 16"),
        (("--img_h", "3"), "--img_h: expected at least 16, found 3"),
        (("--lr", "0"), "--lr: expected above 0, found 0.0"),
        (("--margin", "-1"), "--margin: expected 0 or more"),
        (("--device_num", "2"), "--device_num: expected 1, found 2"),
        (("--device_target", "GPU", "--gpu", "99"), "--device_target CPU"),
        (("--device_target", "Cloud"), "--data_url: expected where to copy the data from"),
        (("--dataset", "RegDB"), "expected the layout of RegDB, found that of sysu"),
        (("--trial", "11"), "--trial: expected from 1 to 10, found 11"),
        (("--start_epoch", "2"), "--start_epoch: expected it beside --resume"),
        (("--resume", "nowhere"), "nowhere: expected weights of MindSpore (.ckpt), PyTorch"),
        (("--resume", "nowhere", "--start_epoch", "3"), "--start_epoch: expected an epoch from 1 to 2, found 3"),
        (("--pretrain", "nowhere.ckpt"), "nowhere.ckpt: expected weights of MindSpore (.ckpt), PyTorch"),
        (("--resume", "."), "expected a run folder with config.json, found none"),
        (("--data_path", "nowhere"), "nowhere: expected a data set's folder"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_written(
    here: Path, sysu: Path, refused: Program, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(training.main, "--data_path", sysu, *SMALL, *arguments)
    assert names(here) == []


def test_a_run_is_not_made_twice(after_training: Path, sysu: Path, refused: Program) -> None:
    before = (after_training / "SYSU_train_performance.txt").read_text()
    again = refused(training.main, "--data_path", sysu, *SMALL)
    assert "go on with it: python train.py --resume runs/sysu_all, or choose another --tag" in again
    assert (after_training / "SYSU_train_performance.txt").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lr", "0.5", "--epoch", "9"), "found --lr 0.5 instead of 0.0035, --epoch 9 instead of 2"),
        (("--device_target", "GPU"), "found --device_target cuda:0 instead of cpu"),
        (("--data_path", "elsewhere"), "which the run was started on, found --data_path elsewhere"),
        (("--dataset", "RegDB"), "expected the layout of RegDB, found that of sysu"),
        (("--start_epoch", "2"), "--start_epoch: expected it beside --resume with a file of weights"),
    ],
)
def test_a_run_goes_on_with_its_own_settings(
    after_training: Path, refused: Program, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(training.main, "--resume", "runs/sysu_all", *arguments)


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
