"""Measures the cost of distributed training: two processes on one machine, over Gloo.

Usage: python benchmarks/scaling.py [--arch resnet18] [--base-width 16] [--height 96 --width 48] [--identities 16]
                                    [--pictures 2] [--steps 10]

Three medians over steps: one process with the whole batch and all cores; two independent processes with half a batch
and half the cores each; and two processes that train together, as with `torchrun … -m mvd train`. The difference of
the last two is the cost of communication: gradients, statistics of norms, and outputs for the losses.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist
from noise import PEOPLE, add_sizes, noise, sized
from torch import nn

from mvd import distributed
from mvd.config import RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.data.prefetch import prefetch
from mvd.data.training import TrainingData
from mvd.data.workers import worker_count
from mvd.distributed.launch import process_count
from mvd.losses.objective import build_objective
from mvd.training.batches import host_batches
from mvd.training.state import initial_state
from mvd.training.trainer import train_step

CPU = torch.device("cpu")
SKIPPED = 3


def main() -> None:
    """Measure in this process, or in this one of two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_sizes(parser, arch="resnet18", base_width=16, height=96, width=48, identities=16, pictures=2, steps=10)
    given = parser.parse_args()
    base = RECIPES["mvd"]
    config = replace(
        sized(base, given, given.steps + SKIPPED),
        schedule=replace(base.schedule, epochs=1),
        runtime=RuntimeConfig(device="cpu"),
    )
    with tempfile.TemporaryDirectory() as folder:
        data = noise(Path(folder), config)
        if process_count() > 1:
            together(config, data)
            return
        print(
            f"| one process, {torch.get_num_threads()} threads | {1000 * measure(config, data):.0f} |",
            flush=True,
        )
    threads = max(1, worker_count(0) // 2)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run([*launch, *sys.argv], check=True, env=environment, stderr=subprocess.DEVNULL)


def together(config: RunConfig, data: TrainingData) -> None:
    """Measure two processes that know nothing of one another, and then the same two together."""
    half = replace(config, sampling=replace(config.sampling, identities=config.sampling.identities // 2))
    with distributed.joined(config.runtime):
        with distributed.alone():
            apart = measure(half, data)
        dist.barrier()
        shared = measure(config, data)
        if distributed.is_first():
            network = initial_state(config, PEOPLE, CPU).network
            megabytes = sum(p.numel() for p in network.parameters() if p.requires_grad) * 4 / 1e6
            norms = sum(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules())
            print(f"| two, half a batch each, apart | {1000 * apart:.0f} |")
            print(f"| two, half a batch each, together | {1000 * shared:.0f} |")
            print(
                f"\ntalking: {1000 * (shared - apart):.0f} ms a step, {(shared - apart) / shared:.0%} of it;", end=" "
            )
            print(f"gradients of {megabytes:.1f} MB, {norms} norms")


def measure(config: RunConfig, data: TrainingData) -> float:
    """Time a step: the median, in seconds."""
    state = initial_state(config, PEOPLE, CPU)
    objective = build_objective(config)
    times = []
    for batch in prefetch(host_batches(config, data, 0)):
        start = time.perf_counter()
        train_step(state, objective, batch, config, CPU)
        state.step += 1
        times.append(time.perf_counter() - start)
    return statistics.median(times[SKIPPED:])


if __name__ == "__main__":
    main()
