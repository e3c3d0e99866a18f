"""train.py from its command line to its files, on tiny data."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from fakes import write_tree
from fsspec.implementations.memory import MemoryFileSystem
from original.programs import SMALL, Program, last_weights, names
from safetensors.numpy import save_file
from weights.helpers import resnet_shapes

from mvd.commands.data.prepare import prepare
from mvd.config import EpochSchedule
from mvd.models.resnet import _compiled_encoder
from mvd.original import training
from mvd.runs import load_checkpoint, open_run

STEP = (
    r"Epoch: \[\d\]\[\d/2\]   Convolution LR: 0\.000\d{4}   IB & Classifier LR: 0\.00\d{5}    "
    r"Loss:[\d.]+   id:[\d.]+   tri:[\d.]+   Batch Time:[\d.]+  Accuracy:[\d.]+"
)
KEPT = r"epoch_\d\d_rank1_\d+\.\d\d_mAP_\d+\.\d\d\.safetensors"


def test_sysu_leaves_the_files_and_lines_of_the_release(here: Path, sysu: Path, train: Program) -> None:
    output = train(sysu, "--print_per_step", "1", "--save_period", "1", "--sysu_mode", "indoor")
    performance = (here / "SYSU_train_performance.txt").read_text()
    assert performance == output
    lines = performance.splitlines()
    assert re.fullmatch(r"Framework: PyTorch \S+", lines[0])
    assert lines[1].startswith("Args: --data_path ")
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


@pytest.mark.parametrize("protocol", ["file", "memory"])
def test_data_are_copied_first_where_the_target_is_the_cloud(
    here: Path, sysu: Path, train: Program, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    url = f"{protocol}://{sysu}"
    if protocol == "memory":
        monkeypatch.setattr(MemoryFileSystem, "store", {})
        MemoryFileSystem().put(str(sysu), str(sysu), recursive=True)
    cloud = ("--device_target", "Cloud", "--data_url", url, "--epoch", "1")
    train(sysu, *cloud)
    copy = Path(open_run(here / "runs" / "sysu_all").data.root)
    assert copy.is_relative_to(here / "cache")
    copied = {file.relative_to(copy) for file in copy.rglob("*") if file.is_file()}
    assert {file.relative_to(sysu) for file in sysu.rglob("*") if file.is_file()} <= copied
    # A file that is missing is fetched again; whatever else is there is not.
    (missing, kept) = sorted((copy / "cam1").rglob("*.jpg"))[:2]
    missing.unlink()
    before = kept.stat().st_mtime_ns
    train(sysu, *cloud, "--tag", "again")
    assert missing.is_file()
    assert kept.stat().st_mtime_ns == before


def test_every_argument_of_the_computation_reaches_the_run(here: Path, sysu: Path, train: Program) -> None:
    arguments = (
        "--batch-size 2 --num_pos 3 --test-batch 5 --arch resnet34 --z-dim 6 --drop 0.25 --loss-func id+tri "
        "--triloss CenterTri --margin 0.7 --optim sgd --lr 0.01 --epoch 1 --warmup-steps 2 --start_decay 3 "
        "--end-decay 4 --decay_factor 0.5 --print-per-step 1 --train_on train --branch_name main"
    )
    output = train(sysu, *arguments.split())
    config = open_run(here / "runs" / "sysu_all").config
    assert (config.sampling.identities, config.sampling.pictures, config.runtime.embed_batch) == (2, 3, 5)
    assert (config.model.arch, config.model.z_dim, config.model.classifier_width) == ("resnet34", 6, 3)
    assert config.model.dropout == 0.25
    assert (config.losses.metric, config.losses.metric_weight, config.losses.margin) == ("centre", 1.0, 0.7)
    assert (config.optimizer.kind, config.optimizer.lr) == ("sgd", 0.01)
    assert config.schedule == EpochSchedule(epochs=1, warmup_epochs=2, milestones=(3, 4), gamma=0.5)
    assert (config.data.height, config.data.width, config.data.train_on) == (32, 16, "train")
    assert (config.runtime.log_every, config.runtime.compile, config.runtime.device) == (1, False, "cpu")
    framework, first, *lines = output.splitlines()
    assert framework.startswith("Framework: PyTorch")
    assert "--branch_name main" in first
    # The first of two epochs of warm-up, and batches of 2 people x 3 pictures from 12 and 12.
    steps = [line for line in lines if line.startswith("Epoch: ")]
    assert all("IB & Classifier LR: 0.0050000" in line for line in steps)
    assert [line.partition("   ")[0] for line in steps] == [
        f"Epoch: [1][{n}/{len(steps)}]" for n in range(1, len(steps) + 1)
    ]


def test_the_identity_loss_may_stand_alone(here: Path, sysu: Path, train: Program) -> None:
    train(sysu, "--loss_func", "id", "--epoch", "1", "--print_per_step", "1")
    (logged, *_) = open_run(here / "runs" / "sysu_all").metrics()
    assert set(logged["losses"]) == {"identity", "total"}


def test_the_pictures_size_is_that_of_the_arrays(here: Path, tmp_path: Path, train: Program) -> None:
    data = write_tree(tmp_path / "wide")
    prepare(data, height=24, width=40)
    train(data, "--img_h", "24", "--img-w", "40", "--epoch", "1")
    config = open_run(here / "runs" / "sysu_all").config
    assert (config.data.height, config.data.width) == (24, 40)


def test_graph_mode_trains_the_compiled_network_and_pynative_mode_the_eager_one(
    here: Path, sysu: Path, train: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[object] = []

    def compile_by_the_compiler_s_front_end(encode: Any, **options: Any) -> object:
        compiled.append(encode)
        return real(encode, backend="eager", **options)

    real = torch.compile
    _compiled_encoder.cache_clear()
    monkeypatch.setattr(torch, "compile", compile_by_the_compiler_s_front_end)
    monkeypatch.setenv("CXX", sys.executable)  # of a compiler, only that it is there is asked for
    train(sysu, "--MSmode", "PYNATIVE_MODE", "--epoch", "1", "--tag", "eager")
    assert not compiled
    output = train(sysu, "--MSmode", "GRAPH_MODE", "--epoch", "1", "--tag", "graph")
    assert len(compiled) == 1
    assert "the network is not compiled" not in output
    assert open_run(here / "runs" / "graph").config.runtime.compile
    assert last_weights(here / "runs" / "graph") == last_weights(here / "runs" / "eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own imports
def test_graph_mode_computes_what_pynative_mode_does(here: Path, sysu: Path, train: Program) -> None:
    for mode, tag in (("PYNATIVE_MODE", "eager"), ("GRAPH_MODE", "graph")):
        train(sysu, "--MSmode", mode, "--epoch", "1", "--print_per_step", "1", "--tag", tag)
    eager, graph = (open_run(here / "runs" / tag) for tag in ("eager", "graph"))
    assert (eager.config.runtime.compile, graph.config.runtime.compile) == (False, True)
    first, compiled = (run.metrics()[0]["losses"]["total"] for run in (eager, graph))
    assert compiled == pytest.approx(first, rel=1e-4)


@pytest.mark.parametrize("device", ["0", "5"])
def test_an_ascend_processor_is_chosen_by_its_number(
    here: Path, sysu: Path, refused: Program, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch_npu", None)
    command = (training.main, "--data_path", sysu, *SMALL, "--device_target", "Ascend", "--device_id", device)
    assert "--device_target: expected the package torch_npu for an Ascend processor, found none" in refused(*command)
    # As if Huawei's package were there, and no processor.
    monkeypatch.setitem(sys.modules, "torch_npu", ModuleType("torch_npu"))
    assert f"--device_target: expected a device of this machine, found 'npu:{device}'" in refused(*command)
    assert names(here) == []


def test_arguments_without_effect_are_explained(here: Path, sysu: Path, train: Program) -> None:
    output = train(sysu, "--parameter_server", "--run_distribute", "--epoch", "1")
    assert "--parameter_server: MindSpore's own; of no effect here" in output
    assert "--run_distribute: --device_num is 1, so of no effect" in output
    output = train(sysu, "--data_url", "s3://a/b", "--tag", "other", "--pretrain", "x", "--resume", "runs/sysu_all")
    for name in ("data_url", "tag", "pretrain"):
        assert f"--{name}: the run goes on with its own, so of no effect" in output


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
        (("--img_h", "64"), "or train a new run with --img_h 32 --img_w 16"),
        (("--img_h", "3"), "--img_h: expected at least 16, found 3"),
        (("--lr", "0"), "--lr: expected above 0, found 0.0"),
        (("--margin", "-1"), "--margin: expected 0 or more"),
        (("--device_target", "GPU", "--gpu", "99"), "expected a device of this machine, found 'cuda:99'"),
        (("--device_target", "GPU", "--gpu", "99"), "to use the CPU: --device_target CPU"),
        (("--lr", "inf"), "--lr: expected a finite number, found inf"),
        (("--end_decay", "99999999999"), "--start_decay, --end_decay: expected epochs from 1 to 100000"),
        (
            ("--pretrain", "obs://me:secret@bucket/r.ckpt"),
            "--pretrain: expected a file, found obs://bucket/r.ckpt; copy",
        ),
        (("--device_num", "2"), "--batch_size: expected a multiple of 2, for 2 processes"),
        (("--device_target", "Cloud"), "--data_url: expected where to copy the data from"),
        (("--dataset", "RegDB"), "expected the layout of RegDB, found that of sysu"),
        (("--trial", "11"), "--trial: expected from 1 to 10, found 11"),
        (("--start_epoch", "2"), "--start_epoch: expected it beside --resume"),
        (("--resume", "nowhere"), "nowhere: expected weights of MindSpore (.ckpt), PyTorch"),
        (("--resume", "nowhere", "--start_epoch", "3"), "--start_epoch: expected an epoch from 1 to 2, found 3"),
        (("--pretrain", "nowhere.ckpt"), "nowhere.ckpt: expected weights of MindSpore (.ckpt), PyTorch"),
        (("--resume", "."), "expected a run folder with config.json, found a"),
        (("--data_path", "nowhere"), "nowhere: expected a data set's folder"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_written(
    here: Path, sysu: Path, refused: Program, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(training.main, "--data_path", sysu, *SMALL, *arguments)
    assert names(here) == []
