"""Rows of `step.py`: functions that take the next step of mvd with given switches, or of the published code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import cast

import numpy as np
import torch
import torch._inductor.config as inductor
from gpu_variants import join_shared_passes
from noise import PEOPLE
from plain_step import PlainStep

from mvd.config import RunConfig, RuntimeConfig
from mvd.data.augment import draw_augmentation
from mvd.data.prefetch import prefetch
from mvd.data.samples import Modality
from mvd.data.sampling import identity_batches
from mvd.data.training import TrainingData
from mvd.losses.objective import Objective, accuracy, build_objective
from mvd.models.mvd import MVD
from mvd.models.state import initial_network
from mvd.runtime.device import autocast, device_module, memory_format
from mvd.runtime.precision import numerics
from mvd.training import trainer
from mvd.training.batches import HostBatch, host_batches
from mvd.training.device_augment import augment
from mvd.training.state import TrainState, initial_state

COMPARED = 6  # steps after which rows' losses are compared; a CUDA graph is replayed by then
PHASES = ("data", "forward", "losses", "backward", "optimiser")
Seconds = dict[str, float]
Take = Callable[[], tuple[Seconds, float]]


def build_row(name: str, config: RunConfig, data: TrainingData, device: torch.device, *, split: bool) -> Take:
    """Make a function that takes a row's next step and tells how long it took ("step", or each phase) and its loss."""
    if name == "plain":
        return plain_row(config, data, device)
    precision, *switches = name.split("-")
    runtime = RuntimeConfig(
        device=str(device),
        precision=precision,  # type: ignore[arg-type]
        channels_last="nchw" not in switches,
        compile="compile" in switches,
        cuda_graphs="graph" in switches,
        recompute="recompute" in switches,
        accumulate=2 if "parts" in switches else 1,
    )
    # For what is compiled from here on; compilation begins with the first step.
    inductor.max_autotune_pointwise = inductor.coordinate_descent_tuning = "autotune" in switches
    config = replace(config, runtime=runtime)
    state = initial_state(config, PEOPLE, device)
    objective = build_objective(config)
    if "objective" in switches:
        objective = cast("Objective", torch.compile(objective, dynamic=False))
    batches = prefetch(host_batches(config, data, 0, pin=device.type == "cuda"))

    if "joint" in switches:
        join_shared_passes(state.network)

    def step() -> tuple[Seconds, float]:
        start = time.perf_counter()
        values = trainer.train_step(state, objective, next(batches), config, device)
        state.step += 1
        if device.type == "cpu" or state.step <= COMPARED:
            return {"step": time.perf_counter() - start}, float(values["total"])
        return {"step": time.perf_counter() - start}, 0.0

    def take() -> tuple[Seconds, float]:
        with numerics(runtime, device):
            if split:
                return split_step(state, objective, batches, config, device), 0.0
            return step()

    return take


def split_step(
    state: TrainState,
    objective: Objective,
    batches: Iterator[HostBatch],
    config: RunConfig,
    device: torch.device,
) -> Seconds:
    """Take a step in phases (`mvd.training.trainer.train_step`, one part, one process)."""
    marks = [time.perf_counter()]

    def mark() -> None:
        wait(device)
        marks.append(time.perf_counter())

    batch = next(batches)
    pictures, draws, everyone = (tensor.to(device) for tensor in (batch.pictures, batch.draws, batch.everyone))
    images = augment(pictures, draws, config.augment, memory_format(config.runtime))
    mark()
    state.network.train()
    state.optimizer.zero_grad(set_to_none=True)
    with autocast(config.runtime, device):
        output = state.forward(images, batch.modalities)
    mark()
    losses = objective(output, everyone[0], everyone[1])
    accuracy(output, everyone[0])
    mark()
    torch.autograd.backward(losses.total)
    mark()
    state.optimizer.step()
    mark()
    return {phase: after - before for phase, before, after in zip(PHASES, marks, marks[1:], strict=False)}


def plain_row(config: RunConfig, data: TrainingData, device: torch.device) -> Take:
    """Make a function that takes the published step."""
    network = initial_network(replace(config, runtime=RuntimeConfig(channels_last=False)), PEOPLE, device)
    assert isinstance(network, MVD)
    plain, sampling = PlainStep(network, config), config.sampling
    dealt = identity_batches(
        data.labels(data.visible),
        data.labels(data.infrared),
        identities=sampling.identities,
        pictures=sampling.pictures,
        steps=sampling.steps_per_epoch,
        seed=config.seed,
        epoch=0,
    )
    modalities = np.repeat(list(Modality), sampling.identities * sampling.pictures)
    numbers = cycle(range(sampling.steps_per_epoch))
    size = config.data.height, config.data.width

    def take() -> tuple[Seconds, float]:
        number = next(numbers)
        start = time.perf_counter()
        pictures = [data.visible.read(dealt.visible[number]), data.infrared.read(dealt.infrared[number])]
        draws = draw_augmentation(config.augment, modalities, *size, seed=config.seed, step=number)
        loss = plain(np.concatenate(pictures), draws, np.tile(dealt.labels[number], 2), modalities)
        wait(device)
        return {"step": time.perf_counter() - start}, loss

    return take


def wait(device: torch.device) -> None:
    """Let the device finish what it was given."""
    if device.type != "cpu":
        device_module(device).synchronize()
