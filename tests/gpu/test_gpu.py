"""On a CUDA device: the same figures as on a CPU, runs that repeat and resume, and steps that wait for nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from shell import SIZE, mvd
from tiny_training import noisy_data

from mvd.config import (
    AugmentConfig,
    CosineSchedule,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    RuntimeConfig,
    SamplingConfig,
)
from mvd.data.pictures import PictureArray
from mvd.data.training import TrainingData
from mvd.inference.embed import embed_pictures
from mvd.losses.objective import build_objective
from mvd.runs import RunData, RunFolder, create_run, load_checkpoint
from mvd.runs.observer import Observer
from mvd.runtime.memory import peak_memory
from mvd.runtime.precision import numerics
from mvd.training.batches import host_batches
from mvd.training.optim import optimizer_tensors, restore_optimizer
from mvd.training.state import TrainState, initial_state
from mvd.training.trainer import fit as train
from mvd.training.trainer import train_step

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
    pytest.mark.filterwarnings("default"),
]

PEOPLE, EACH, HEIGHT, WIDTH, STEPS = 8, 6, 64, 32, 12
TWO_PROCESSES = next(Path(__file__).parents[1].rglob("two_processes.py"))
CONFIG = RunConfig(
    seed=3,
    data=DataConfig(height=HEIGHT, width=WIDTH),
    sampling=SamplingConfig(identities=8, pictures=2, steps_per_epoch=STEPS),
    augment=AugmentConfig(pad=2, exchange=0.3, erase=0.3),
    model=ModelConfig(
        arch="resnet18", base_width=16, bottleneck_widths=(48, 48), z_dim=32, classifier_width=32, dropout=0.3
    ),
    losses=LossConfig(cml_weight=1.0),
    optimizer=OptimizerConfig(lr=1e-4),
    schedule=CosineSchedule(epochs=1, warmup_epochs=0),
    runtime=RuntimeConfig(device="cuda", precision="fp32", log_every=1),
)
WITHOUT_DROPOUT = replace(CONFIG, model=replace(CONFIG.model, dropout=0.0))

STRONG = replace(
    CONFIG,
    model=replace(CONFIG.model, trunk=3, pooling="gem", descriptor_flip=True),
    losses=LossConfig(contrastive_weight=1.0),
    optimizer=OptimizerConfig(kind="sgd", lr=0.01, encoder_lr_scale=0.1, decay="all", ema=0.9),
)
"""The parts of the recipe mvd-strong, and the generalised mean."""


def on(config: RunConfig, **runtime: Any) -> RunConfig:
    return replace(config, runtime=replace(config.runtime, **runtime))


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return noisy_data(PEOPLE, EACH, HEIGHT, WIDTH)


@contextmanager
def started(config: RunConfig) -> Iterator[TrainState]:
    device = torch.device(config.runtime.device)
    with numerics(config.runtime, device):
        yield initial_state(config, PEOPLE, device)


def take_steps(config: RunConfig, data: TrainingData, steps: int = STEPS) -> list[dict[str, float]]:
    losses = []
    with started(config) as state:
        objective, device = build_objective(config), torch.device(config.runtime.device)
        for state.step, batch in zip(range(steps), host_batches(config, data, 0), strict=False):
            values = train_step(state, objective, batch, config, device)
            losses.append({name: float(value) for name, value in values.items()})
    return losses


def totals(losses: list[dict[str, float]]) -> list[float]:
    return [step["total"] for step in losses]


def test_float32_is_that_of_the_cpu(data: TrainingData) -> None:
    found = take_steps(WITHOUT_DROPOUT, data, 4)
    expected = take_steps(on(WITHOUT_DROPOUT, device="cpu"), data, 4)
    for step, other in zip(found, expected, strict=True):
        assert step == pytest.approx(other, rel=2e-3, abs=1e-4)
    assert found[0] == pytest.approx(expected[0], rel=1e-5, abs=1e-6)


def test_bf16_is_float32_to_two_digits(data: TrainingData) -> None:
    found = take_steps(on(WITHOUT_DROPOUT, precision="bf16"), data, 4)
    expected = take_steps(WITHOUT_DROPOUT, data, 4)
    assert totals(found) == pytest.approx(totals(expected), rel=3e-2)


def test_deterministic_runs_repeat_bit_by_bit(data: TrainingData) -> None:
    config = on(CONFIG, deterministic=True)
    assert take_steps(config, data) == take_steps(config, data)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("config", [CONFIG, STRONG], ids=["mvd", "strong"])
def test_a_graph_of_a_step_is_the_step(data: TrainingData, config: RunConfig, precision: str) -> None:
    """Dropout included: its masks follow from the seed and the step, not from how kernels are launched."""
    eager = on(config, precision=precision, deterministic=True)
    assert take_steps(on(eager, cuda_graphs=True), data) == take_steps(eager, data)


def test_a_compiled_step_is_the_step(data: TrainingData) -> None:
    found = take_steps(on(WITHOUT_DROPOUT, compile=True), data, 3)
    assert totals(found) == pytest.approx(totals(take_steps(WITHOUT_DROPOUT, data, 3)), rel=1e-3)


@pytest.mark.parametrize("graphs", [False, True])
def test_no_step_waits_for_the_device(data: TrainingData, *, graphs: bool) -> None:
    config = on(CONFIG, precision="bf16", cuda_graphs=graphs)
    with started(config) as state:
        objective, device = build_objective(config), torch.device("cuda")
        for state.step, batch in enumerate(host_batches(config, data, 0, pin=True)):
            if state.step == 6:
                torch.cuda.set_sync_debug_mode("error")
            try:
                train_step(state, objective, batch, config, device)
            finally:
                torch.cuda.set_sync_debug_mode("default")
            if state.step == 6:
                torch.cuda.set_sync_debug_mode("error")
        torch.cuda.set_sync_debug_mode("default")
    assert state.step == STEPS - 1


def test_memory_of_the_device_is_read(data: TrainingData) -> None:
    take_steps(CONFIG, data, 1)
    peak = peak_memory(torch.device("cuda"))
    assert peak["device"] >= 1e6
    assert peak["resident"] >= 1e8


def test_a_fused_optimizer_survives_a_round_trip(data: TrainingData) -> None:
    config = on(CONFIG, deterministic=True)
    device = torch.device("cuda")
    with started(config) as state:
        objective, batches = build_objective(config), host_batches(config, data, 0)
        for state.step, batch in zip(range(3), batches, strict=False):
            train_step(state, objective, batch, config, device)
        before = optimizer_tensors(state.optimizer, state.network)
        other = initial_state(config, PEOPLE, device)
        other.network.load_state_dict(state.network.state_dict())
        restore_optimizer(other.optimizer, other.network, before)
        after = optimizer_tensors(other.optimizer, other.network)
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[name], after[name]) for name in before)
        batch = next(batches)
        state.step = other.step = 3
        losses = [train_step(one, objective, batch, config, device) for one in (state, other)]
        assert {name: float(v) for name, v in losses[0].items()} == {name: float(v) for name, v in losses[1].items()}
        arrays = [optimizer_tensors(one.optimizer, one.network) for one in (state, other)]
        assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])


class Watcher(Observer):
    """Stops the run after a number of steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after

    def stepped(self, step: int) -> bool:
        return step != self.stop_after


@pytest.mark.parametrize("graphs", [False, True])
def test_a_resumed_run_ends_as_one_that_was_not_stopped(data: TrainingData, tmp_path: Path, *, graphs: bool) -> None:
    """Bit by bit, with deterministic algorithms."""
    config = on(CONFIG, deterministic=True, cuda_graphs=graphs)
    described = RunData(root="data", prepared="data", dataset="sysu", identities=tuple(range(PEOPLE)))

    def fit(run: RunFolder, *, resume: bool = False, stop: int | None = None) -> None:
        train(config, data, run, observer=Watcher(stop), resume=resume)

    whole, stopped = (create_run(tmp_path / name, config, described, replace=False) for name in ("whole", "stopped"))
    fit(whole)
    fit(stopped, stop=7)
    fit(stopped, resume=True)
    expected, found = (load_checkpoint(run.checkpoint("last"))[0] for run in (whole, stopped))
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 3e-2)])
def test_descriptors_are_those_of_the_cpu(precision: str, tolerance: float) -> None:
    pictures = PictureArray(np.random.default_rng(0).integers(0, 256, (150, HEIGHT, WIDTH, 3), dtype=np.uint8))

    def embed(device: str, precision: str) -> npt.NDArray[np.float32]:
        config = on(CONFIG, device=device, precision=precision)
        with started(config) as state:
            return embed_pictures(state.network, config.runtime, pictures)

    found, expected = embed("cuda", precision), embed("cpu", "fp32")
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


def test_two_processes_on_one_card_take_the_step_of_one(tmp_path: Path) -> None:
    root = tmp_path / "people"
    assert mvd("synth", root, "--train=5", "--validation=1", "--test=1", "--pictures=2", "--height=64") == 0
    assert mvd("prepare", root, *SIZE) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launch, str(TWO_PROCESSES), str(root), "cuda"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    reports = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(reports) >= 5
    for report in reports:
        assert report["lacking"] == [], report
        assert report["worst"][0] < 1e-8, report
