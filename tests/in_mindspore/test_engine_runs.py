"""Runs in MindSpore: they learn, stop, go on with the same bits, notice a NaN, and compute without PyTorch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mindspore
import numpy as np
import pytest
from fakes import write_tree
from in_mindspore.engines import MVD, SHARED
from tiny_training import IDENTITIES, PEOPLE, fit, new_run, training_data

from mvd.commands.engine import fit_machine, load_engine
from mvd.config import AugmentConfig, LossConfig, Machine, RunConfig, RuntimeConfig, to_json
from mvd.config.recipes import RECIPES
from mvd.data.pictures import ConcatPictures
from mvd.data.samples import concatenate
from mvd.data.training import TrainingData
from mvd.errors import CheckpointError, ConfigError, TrainingError
from mvd.metrics.protocols import validation_protocol
from mvd.metrics.validation import Validation
from mvd.mindspore.device import computing
from mvd.mindspore.inference.export import MindirNetwork
from mvd.runs import load_checkpoint

pytestmark = pytest.mark.mindspore

CONFIG = replace(
    SHARED,
    framework="mindspore",
    model=replace(SHARED.model, dropout=0.3),
    optimizer=replace(SHARED.optimizer, lr=3e-3),
)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(MVD.data.height, MVD.data.width)


def test_a_stopped_run_goes_on_with_the_bits_of_one_that_was_not(data: TrainingData, tmp_path: Path) -> None:
    samples = concatenate([data.visible.samples, data.infrared.samples])
    validation = Validation(
        pictures=ConcatPictures([data.visible, data.infrared]),
        samples=samples,
        protocol=validation_protocol("sysu", cameras=True),
    )
    whole, parts = new_run(tmp_path / "whole", CONFIG), new_run(tmp_path / "parts", CONFIG)
    unstopped = fit(data, whole, CONFIG, validation=validation)
    stopped = fit(data, parts, CONFIG, stop_after=7, validation=validation)
    resumed = fit(data, parts, CONFIG, resume=True, validation=validation)
    assert stopped.losses | resumed.losses == unstopped.losses
    assert (
        stopped.validations + resumed.validations
        == unstopped.validations
        == [(2, True), (4, unstopped.validations[1][1])]
    )
    for name in ("last", "best"):
        ours, theirs = (load_checkpoint(run.checkpoint(name))[0] for run in (parts, whole))
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    assert np.mean(list(unstopped.losses.values())[-5:]) < 0.97 * unstopped.losses[1]
    batch = unstopped.samples[0][1]
    assert batch.pictures.shape == (16, 64, 32, 3)
    assert set(batch.identities) == set(IDENTITIES)

    engine = load_engine(CONFIG)
    embeddings = engine.embed(CONFIG, PEOPLE, whole.checkpoint("last"), data.visible)
    assert embeddings.shape == (24, 32)
    few = replace(CONFIG, runtime=replace(CONFIG.runtime, embed_batch=5, compile=False))
    assert np.abs(engine.embed(few, PEOPLE, whole.checkpoint("last"), data.visible) - embeddings).max() < 1e-5
    for preprocessing in ("inside", "outside"):
        program = tmp_path / f"{preprocessing}.mindir"
        engine.export(CONFIG, PEOPLE, whole.checkpoint("last"), program, preprocessing=preprocessing)
        again = MindirNetwork(program, preprocessing, 64).embed(data.visible.batches(7))
        assert np.abs(again - embeddings).max() < 1e-5
    (tmp_path / "torn.mindir").write_bytes(program.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"torn\.mindir: expected a MindIR program"):
        MindirNetwork(tmp_path / "torn.mindir", "inside", 64)
    with pytest.raises(CheckpointError, match="expected the weights of this run's network, found"):
        engine.embed(MVD, PEOPLE, whole.checkpoint("last"), data.visible)


def test_both_modes_take_the_same_step(data: TrainingData, tmp_path: Path) -> None:
    first = {}
    for compiled in (True, False):
        config = replace(CONFIG, optimizer=SHARED.optimizer, runtime=replace(CONFIG.runtime, compile=compiled))
        run = new_run(tmp_path / str(compiled), config)
        fit(data, run, config, stop_after=1)
        first[compiled] = load_checkpoint(run.checkpoint("last"))[0]
    for name, values in first[True].items():
        largest = np.abs(values).max()
        if name.startswith("optimizer/"):  # a bias before a norm has a gradient of rounding alone
            assert np.abs(values - first[False][name]).max() < max(1e-3 * largest, 1e-6), name
        else:
            assert np.abs(values - first[False][name]).max() < 1e-4 * max(largest, 1.0), name


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_last_good_checkpoint(
    data: TrainingData, tmp_path: Path
) -> None:
    wild = replace(CONFIG, optimizer=replace(CONFIG.optimizer, kind="sgd", lr=1e30))
    run = new_run(tmp_path / "run", wild)
    with pytest.raises(TrainingError, match=r"step \d+: expected a finite .*; stopped, no checkpoint had been written"):
        fit(data, run, wild)
    assert not run.checkpoint("last").exists()


def test_what_mindspore_does_not_have_here_is_one_line_that_names_the_field() -> None:
    runtime = CONFIG.runtime
    wrong: dict[str, RunConfig] = {
        "runtime.device: .*stopped at CUDA 11.6": replace(CONFIG, runtime=replace(runtime, device="cuda:0")),
        "runtime.device: .*auto, cpu, npu": replace(CONFIG, runtime=replace(runtime, device="mps")),
        "runtime.device: .*Ascend device of this machine": replace(CONFIG, runtime=replace(runtime, device="npu:1")),
        "runtime.precision: expected fp32": replace(CONFIG, runtime=replace(runtime, precision="bf16")),
        "runtime.recompute: expected False": replace(CONFIG, runtime=replace(runtime, recompute=True)),
        "runtime.cuda_graphs: expected False": replace(CONFIG, runtime=replace(runtime, cuda_graphs=True)),
        "runtime.accumulate: expected 1": replace(CONFIG, runtime=replace(runtime, accumulate=2)),
        "augment.amplitude: expected 0": replace(CONFIG, augment=AugmentConfig(amplitude=0.5)),
        "losses.metric: expected triplet": replace(CONFIG, losses=LossConfig(metric="quadruple")),
        "losses.soft_margin: expected False": replace(CONFIG, losses=replace(CONFIG.losses, soft_margin=True)),
        "losses.extra: expected none": replace(CONFIG, losses=replace(CONFIG.losses, extra=("a=b:c",))),
        "losses: expected weights of 0 for vml": replace(CONFIG, losses=replace(CONFIG.losses, vml_weight=1.0)),
        "optimizer.ema: expected 0": replace(CONFIG, optimizer=replace(CONFIG.optimizer, ema=0.9)),
        "model.strips: expected 0": replace(CONFIG, model=replace(CONFIG.model, strips=2)),
        "model.stems: .*as agw": replace(RECIPES["agw"], framework="mindspore", runtime=runtime),
    }
    engine = load_engine(CONFIG)
    assert engine.check(CONFIG) == "cpu"
    for message, config in wrong.items():
        with pytest.raises(ConfigError, match=message) as caught:
            engine.check(config)
        assert "\n" not in str(caught.value)
        assert "--framework pytorch" in str(caught.value) or message.startswith("losses: ")


def test_both_engines_expect_checkpoints_of_one_size() -> None:
    for recipe in ("mvd", "mvd-mindspore", "demo", "baseline"):
        sizes = [
            load_engine(one).checkpoint_size(one, 7)
            for one in (replace(RECIPES[recipe], framework="pytorch"), replace(RECIPES[recipe], framework="mindspore"))
        ]
        assert sizes[0] == sizes[1]


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_WORKER_NUM", "2")
    with pytest.raises(ConfigError, match=r"expected one process with mindspore, found 2: .*SyncBatchNorm"):
        load_engine(CONFIG).check(CONFIG)


def test_a_run_of_pytorchs_on_a_gpu_is_fitted_to_mindspore_on_a_cpu() -> None:
    runtime = RuntimeConfig(device="cuda", precision="bf16", cuda_graphs=True, recompute=True, compile=True)
    _, config, lines = fit_machine(
        RunConfig(framework="pytorch", runtime=runtime), Machine(framework="mindspore", workers=3)
    )
    assert (config.framework, config.runtime.device, config.runtime.precision) == ("mindspore", "auto", "auto")
    assert (config.runtime.workers, config.runtime.cuda_graphs, config.runtime.recompute) == (3, "auto", "auto")
    assert lines == (
        "framework: mindspore; the run was trained with pytorch",
        "runtime.device: auto; the run was trained with cuda",
        "runtime.precision: auto; the run was trained with bf16",
        "runtime.cuda_graphs: auto; the run was trained with True",
        "runtime.recompute: auto; the run was trained with True",
    )


WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Blocked())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "torch" else find(name, package)
from mvd.__main__ import main
sys.exit(main())
"""


def test_it_trains_and_evaluates_and_exports_where_pytorch_is_not_installed(tmp_path: Path) -> None:
    write_tree(tmp_path / "data")

    def mvd(*words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
        return done.stdout

    mvd("prepare", "data", "--height", "64", "--width", "32", "--workers", "1")
    small = replace(CONFIG, sampling=replace(CONFIG.sampling, identities=3, steps_per_epoch=2))
    flags = ["--recipe", "baseline", "--data.height", 64, "--data.width", 32, "--sampling.identities", 3]
    flags += ["--sampling.pictures", 2, "--sampling.steps-per-epoch", 2, "--schedule.epochs", 1, "--out", "run"]
    flags += ["--schedule.warmup-epochs", 0, "--model.arch", "resnet18", "--model.base-width", 2]
    assert small.framework == "mindspore"
    mvd("train", "data", *map(str, flags))  # the framework that is alone
    assert json.loads((tmp_path / "run" / "config.json").read_text())["framework"] == "mindspore"
    figures = json.loads(mvd("evaluate", "run", "--format", "json"))
    assert {one["protocol"] for one in figures} >= {"sysu/all-search/single-shot/seeded"}
    mvd("export", "run", "--measure", "some")
    assert (tmp_path / "run" / "mvd.mindir").stat().st_size > 1000
    beside = json.loads((tmp_path / "run" / "mvd.mindir.json").read_text())
    assert json.loads(beside["use"])["inputs"]["pictures"]["type"] == "uint8"
    assert json.loads(beside["card"])["step"] == 2
    assert json.loads(to_json(small))["framework"] == "mindspore"


def test_another_number_of_threads_wants_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr("mvd.mindspore.device._threads", [])
    monkeypatch.setattr(mindspore.runtime, "dispatch_threads_num", taken.append)
    for _ in range(2):
        with computing(RuntimeConfig(threads=3), "cpu"):
            assert taken == [3]
    with (
        pytest.raises(ConfigError, match=r"runtime\.threads: expected 3, as MindSpore takes .* found 2; start another"),
        computing(RuntimeConfig(threads=2), "cpu"),
    ):
        pass
