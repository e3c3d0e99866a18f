"""Measures a training step in MindSpore and in PyTorch: the same batch, on the CPU, one process per row.

Usage: python benchmarks/step_mindspore.py [--recipe mvd-mindspore] [--arch resnet50] [--base-width 64]
                                           [--height 288 --width 144] [--identities 8] [--pictures 4] [--steps 5]
                                           [--rows pytorch mindspore …]

    pytorch              PyTorch's engine, eager, float32, channels last
    mindspore            MindSpore's engine in GRAPH_MODE: losses, gradients and update are one graph
    mindspore-pynative   the same in PYNATIVE_MODE
    original             the step as in the original, in GRAPH_MODE: a forward pass for the printed losses, then another
                         one inside the gradient (../docs/from-the-original.md)
    original-pynative    the same in PYNATIVE_MODE

The two rows of the original reproduce its order of operations with our network and losses, not its code. A row's figure
is the median of its steps after the first, which has its own column because GRAPH_MODE compiles in it. "CPU ms" is the
time of all threads together, which other programs affect less. "loss" is that of the first step, from the same weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from noise import PEOPLE, add_sizes, noise, sized

from mvd.config import RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.config.runtime import Switch
from mvd.data.training import TrainingData
from mvd.runs.memory import peak_resident

ROWS = ("pytorch", "mindspore", "mindspore-pynative", "original", "original-pynative")
Weights = dict[str, npt.NDArray[Any]]


def main() -> None:
    """Measure the rows that were asked for, each in a process, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="mvd-mindspore", choices=sorted(RECIPES))
    add_sizes(parser)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--row", help=argparse.SUPPRESS)  # in a process of its own
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row is not None:
        print(json.dumps(measure(given.row, given)))
        return
    half = given.identities * given.pictures
    size, network = f"{given.height}×{given.width}", f"{given.arch} of width {given.base_width}"
    print(f"{given.recipe}, {network}, {size}, {half} + {half} pictures, float32, CPU\n")
    print("| row | version | ms a step | CPU ms | first step, s | peak GB | loss |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in given.rows:
            command = [sys.executable, __file__, *sys.argv[1:], "--row", row, "--folder", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            one = json.loads(done.stdout.splitlines()[-1])
            times = f"{1000 * one['step']:.0f} | {1000 * one['cpu']:.0f} | {one['first']:.1f}"
            figures = f"{times} | {one['memory'] / 1e9:.1f} | {one['loss']:.5f}"
            print(f"| {row} | {one['version']} | {figures} |", flush=True)


def measure(row: str, given: argparse.Namespace) -> dict[str, Any]:
    """Take the steps of a row: seconds of the first and of a later one, the loss, bytes."""
    switch: Switch = "auto" if row == "pytorch" else "pynative" not in row
    config = replace(
        sized(RECIPES[given.recipe], given, dropout=0.0),
        framework="pytorch" if row == "pytorch" else "mindspore",
        runtime=RuntimeConfig(device="cpu", precision="fp32", compile=switch),
    )
    data = noise(given.folder, config)
    start = random_weights(config)
    make = pytorch_step if row == "pytorch" else mindspore_step
    version, step = make(config, data, start, twice=row.startswith("original"))
    seconds, cpu, losses = [], [], []
    for _ in range(1 + given.steps):
        began, used = time.perf_counter(), time.process_time()
        losses.append(step())
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    later = {"step": statistics.median(seconds[1:]), "cpu": statistics.median(cpu[1:])}
    return {"version": version, "first": seconds[0], "loss": losses[0], "memory": peak_resident() or 0, **later}


def random_weights(config: RunConfig) -> Weights:
    """Draw weights that both frameworks start from, of the size that He's rule gives them."""
    from mvd.weights.shapes import network_shapes

    rng = np.random.default_rng(0)
    weights: Weights = {}
    for name, shape in network_shapes(config.model, PEOPLE).items():
        if len(shape) > 1:
            deviation = (2 / np.prod(shape[1:])) ** 0.5 if "classifier" not in name else 0.001
            weights[name] = (rng.standard_normal(shape) * deviation).astype(np.float32)
        elif shape:
            weights[name] = np.full(shape, name.endswith(("weight", "running_var")), np.float32)
    return weights


def pytorch_step(
    config: RunConfig, data: TrainingData, start: Weights, *, twice: bool
) -> tuple[str, Callable[[], float]]:
    """Make PyTorch's step, which returns the loss."""
    import torch

    from mvd.data.prefetch import prefetch
    from mvd.losses.objective import build_objective
    from mvd.models.state import overlay
    from mvd.training import trainer
    from mvd.training.batches import host_batches
    from mvd.training.state import initial_state

    device = torch.device("cpu")
    state, objective = initial_state(config, PEOPLE, device), build_objective(config)
    overlay(state.network, start)
    batches = prefetch(islice(host_batches(config, data, 0), 100))

    def step() -> float:
        values = trainer.train_step(state, objective, next(batches), config, device)
        state.step += 1
        return float(values["total"])

    return torch.__version__.partition("+")[0], step


def mindspore_step(
    config: RunConfig, data: TrainingData, start: Weights, *, twice: bool
) -> tuple[str, Callable[[], float]]:
    """Make MindSpore's step, which returns the loss."""
    import mindspore
    from mindspore import Tensor

    import mvd.mindspore  # noqa: F401 - before MindSpore itself: it chooses the instructions of its oneDNN
    from mvd.data.batches import training_batches
    from mvd.data.prefetch import prefetch
    from mvd.mindspore.device import is_compiled
    from mvd.mindspore.losses.objective import build_objective
    from mvd.mindspore.models.state import overlay
    from mvd.mindspore.training import trainer
    from mvd.mindspore.training.augment import augment
    from mvd.mindspore.training.state import TrainState

    mindspore.set_device("CPU")
    compiled = is_compiled(config.runtime)
    mindspore.set_context(mode=mindspore.GRAPH_MODE if compiled else mindspore.PYNATIVE_MODE)
    state = TrainState(config, PEOPLE, build_objective(config))
    overlay(state.network, start)
    batches = prefetch(islice(training_batches(config, data, 0), 100))

    def step() -> float:
        batch = next(batches)
        if twice:
            state.take.set_train(True)
            images = Tensor(augment(batch.pictures, batch.draws, config.augment))
            labels, modalities = (Tensor(row.astype(np.int32)) for row in batch.everyone)
            _, values = state.take.loss(images, labels, modalities, Tensor(np.ones((4, 1, 1), np.float32)))
            values.asnumpy()
        values = trainer.train_step(state, batch, config, config.optimizer.lr)
        state.step += 1
        return float(values.asnumpy()[list(state.take.names).index("total")])

    return mindspore.__version__, step


if __name__ == "__main__":
    main()
