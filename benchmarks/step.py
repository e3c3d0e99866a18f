"""Measures a training step: ours in several precisions, and beside it the published one, plainly computed.

Usage: python benchmarks/step.py [--device cpu] [--recipe mvd-cvpr21] [--arch resnet50] [--height 288 --width 144]
                                 [--identities 8] [--pictures 4] [--steps 5] [--rows plain fp32 fp32-nchw bf16 …]
                                 [--split] [--profile] [--no-attention] [--json FILE]

The recipe is `mvd-cvpr21` (a rank loss on eight heads, Sinkhorn, both distillations) unless another is named, on noise
from a mapped file, read through the loader that trains. On a CPU rows take turns, step by step, so that what else the
machine does falls on all of them alike; a row's figure is the median of its steps, after some that are not counted. On
another device rows come one after the other, each with the memory to itself; steps are not waited for one by one, as
they are not in training: a row's figure is the median of five groups of steps.

    plain       benchmarks/plain_step.py: the published step, eager, float32
    fp32        ours in float32, channels last
    fp32-nchw   the same without channels last
    tf32, bf16  ours in those
    …-compile   the same, the encoders compiled
    …-graph     the same, recorded as a CUDA graph, the specific branches beside the shared one
    …-tuned     the same, with cuDNN's convolutions chosen by trial (`torch.backends.cudnn.benchmark`)
    …-joint     the same, the two passes of the shared encoder as one batch with statistics of its halves
    …-objective the same, the losses compiled
    bf16-recompute, bf16-parts     for small memories: encoders computed twice; the batch in two parts

The share of the peak is the arithmetic of the step, counted by PyTorch, over what the device does in one large product
of matrices of that precision, measured here. `--split` times the phases of each row one by one, waiting for the device
after each. `--profile` lists the operators of each row that take longest. "loss" is the total of the same early step in
every row: rows that compute the same have nearly the same.

benchmarks/step_mindspore.py has MindSpore's step beside PyTorch's.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from gpu_variants import join_shared_passes
from noise import PEOPLE, noise
from plain_step import PlainStep
from torch.utils.flop_counter import FlopCounterMode

from mvd.config import DataConfig, RunConfig, RuntimeConfig, SamplingConfig
from mvd.config.recipes import RECIPES
from mvd.data.augment import draw_augmentation
from mvd.data.prefetch import prefetch
from mvd.data.samples import Modality
from mvd.data.sampling import identity_batches
from mvd.data.training import TrainingData
from mvd.losses.objective import Objective, accuracy, build_objective
from mvd.models.factory import build_network
from mvd.models.mvd import MVD
from mvd.models.outputs import tensors_of
from mvd.models.state import initial_network
from mvd.runtime.device import autocast, device_module, memory_format, resolve_device
from mvd.runtime.precision import numerics
from mvd.training import trainer
from mvd.training.batches import HostBatch, host_batches
from mvd.training.device_augment import augment
from mvd.training.state import TrainState, initial_state

COMPARED = 6  # steps after which rows' losses are compared; a CUDA graph is replayed by then
PHASES = ("data", "forward", "losses", "backward", "optimiser")
Seconds = dict[str, float]
Take = Callable[[], tuple[Seconds, float]]


class Figure(NamedTuple):
    """What was measured of a row: seconds of each step, peak GB, the loss, seconds of the steps not counted."""

    times: list[Seconds]
    memory: float
    loss: float
    begun: float


Figures = dict[str, Figure]


def main() -> None:
    """Measure the rows that were asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--recipe", default="mvd-cvpr21", choices=sorted(RECIPES))
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--base-width", type=int, default=64)
    parser.add_argument("--height", type=int, default=288)
    parser.add_argument("--width", type=int, default=144)
    parser.add_argument("--identities", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--no-attention", action="store_true", help="without the release's channel attention")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--skipped", type=int, default=2)
    parser.add_argument("--rows", nargs="+", default=["plain", "fp32-nchw", "fp32", "bf16"])
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    device = resolve_device(given.device)
    base = RECIPES[given.recipe]
    config = replace(
        base,
        data=DataConfig(height=given.height, width=given.width),
        sampling=SamplingConfig(identities=given.identities, pictures=given.pictures, steps_per_epoch=1000),
        model=replace(
            base.model,
            arch=given.arch,
            base_width=given.base_width,
            channel_attention=base.model.channel_attention and not given.no_attention,
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        data = noise(Path(folder), config)
        print(describe(given.recipe, config, device), flush=True)
        if device.type == "cpu":
            figures = in_turn(config, data, device, given)
        else:
            figures = one_by_one(config, data, device, given)
    table(figures, config, count_flops(config), device, given.json)


def in_turn(config: RunConfig, data: TrainingData, device: torch.device, given: argparse.Namespace) -> Figures:
    """Measure all rows, a step of each in turn."""
    rows = {name: build_row(name, config, data, device, split=given.split) for name in given.rows}
    figures = {name: Figure([], 0.0, 0.0, 0.0) for name in rows}
    for _ in range(given.skipped + given.steps):
        for name, take in rows.items():
            seconds, loss = take()
            figures[name].times.append(seconds)
            figures[name] = figures[name]._replace(memory=peak(device), loss=loss)
    if given.profile:
        for name, take in rows.items():
            print(f"{name}, {given.steps} steps\n{profile(take, given.steps, device)}\n")
    return {name: figure._replace(times=figure.times[given.skipped :]) for name, figure in figures.items()}


def one_by_one(config: RunConfig, data: TrainingData, device: torch.device, given: argparse.Namespace) -> Figures:
    """Measure each row by itself; a row that fails is left out, and said to."""
    figures: Figures = {}
    for name in given.rows:
        gc.collect()
        device_module(device).empty_cache()
        device_module(device).reset_peak_memory_stats(device)
        torch.backends.cudnn.benchmark = "tuned" in name
        take: Take | None = None
        try:
            start = time.perf_counter()
            take = build_row(name, config, data, device, split=given.split)
            loss = 0.0
            for number in range(given.skipped):
                seconds, found = take()
                loss = found if number < COMPARED else loss
            wait(device)
            begun = time.perf_counter() - start
            # "plain" waits for the device in every step anyway, and for long.
            few = name == "plain"
            groups = []
            for _ in range(2 if few else 5):
                start = time.perf_counter()
                for _ in range(1 if few else given.steps):
                    seconds, _ = take()
                wait(device)
                groups.append({"step": (time.perf_counter() - start) / (1 if few else given.steps)})
            times = [seconds] if given.split else groups
            figures[name] = Figure(times, peak(device), loss, begun)
            print(f"{name}: {1000 * total(times):.1f} ms, {peak(device):.1f} GB, loss {loss:.5f}, ", end="")
            print(f"{given.skipped} first steps {begun:.1f} s", flush=True)
            if given.profile:
                print(f"{name}, 3 steps\n{profile(take, 3, device)}\n", flush=True)
        except Exception as error:  # the other rows are worth having
            print(f"{name}: FAILED, {type(error).__name__}: {str(error)[:2000]}", flush=True)
            traceback.print_exc()
        torch.backends.cudnn.benchmark = False
        del take
    return figures


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


def profile(take: Take, steps: int, device: torch.device) -> str:
    """List the operators that take most of the time by themselves."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as seen:
        for _ in range(steps):
            take()
    events = seen.key_averages()
    own = {event.key: event.self_cpu_time_total for event in events}
    if device.type == "cuda":
        # Kernels alone: an operator's time is that of its kernels once more.
        own = {event.key: event.self_device_time_total for event in events if event.device_type.name == "CUDA"}
    whole = sum(own.values())
    most = sorted(own.items(), key=lambda item: item[1], reverse=True)[:30]
    count = sum(event.count for event in events if event.device_type.name == "CUDA")
    kernels = f"{count / steps:.0f} kernels, " if count else ""
    title = f"{kernels}{whole / 1000 / steps:.1f} ms a step"
    lines = [f"| {key[:90]} | {time / 1000 / steps:.2f} ms | {time / whole:.0%} |" for key, time in most]
    return "\n".join([title, *lines])


def wait(device: torch.device) -> None:
    """Let the device finish what it was given."""
    if device.type != "cpu":
        device_module(device).synchronize()


def peak(device: torch.device) -> float:
    """Tell the peak of memory in GB: of the device, or of the whole process, all rows together."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def count_flops(config: RunConfig) -> int:
    """Count the floating-point operations of a step's network, forward and backward, two to a multiplication."""
    network = build_network(config.model, PEOPLE).to("meta")
    pictures = 2  # of as many operations each; a norm wants two
    images = torch.empty(pictures, 3, config.data.height, config.data.width, device="meta")
    counter = FlopCounterMode(display=False)
    with counter:
        output = network.train()(images)
        torch.autograd.backward(torch.stack([tensor.sum() for tensor in tensors_of(output)]).sum())
    batch = 2 * config.sampling.identities * config.sampling.pictures
    return int(counter.get_total_flops()) * batch // pictures


def matrix_peak(precision: str, device: torch.device) -> float:
    """Measure operations a second in a large product of matrices."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    size = 2048 if device.type == "cpu" else 8192
    one = torch.randn(size, size, device=device, dtype=dtype)
    with numerics(RuntimeConfig(precision="tf32" if precision == "tf32" else "fp32"), device):
        times = []
        for _ in range(8):
            start = time.perf_counter()
            one @ one
            wait(device)
            times.append(time.perf_counter() - start)
    return float(2 * size**3 / min(times))


def describe(recipe: str, config: RunConfig, device: torch.device) -> str:
    """Say what is measured, on what."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    half = config.sampling.identities * config.sampling.pictures
    size = f"{config.data.height}×{config.data.width}"
    width = "" if config.model.base_width == 64 else f" of width {config.model.base_width}"
    what = f"{recipe}, {config.model.arch}{width}, {size}, {half} + {half} pictures"
    attention = "" if config.model.channel_attention else ", no channel attention"
    return f"{what}{attention}; {device} ({name}), PyTorch {torch.__version__}\n"


def table(figures: Figures, config: RunConfig, flops: int, device: torch.device, file: Path | None) -> None:
    """Print a row for each, and write them as JSON."""
    batch = 2 * config.sampling.identities * config.sampling.pictures
    peaks = {precision: matrix_peak(precision, device) for precision in {name.split("-")[0] for name in figures}}
    reference = total(figures["plain"].times) if "plain" in figures else None
    phases = PHASES if any("data" in figure.times[0] for figure in figures.values()) else ()
    heads = ["row", "ms a step", "pictures/s", "plain / row", "share of matrix peak", "peak GB", "loss", "begun, s"]
    print("| " + " | ".join([*heads, *phases]) + " |")
    print("|" + "---|" * (len(heads) + len(phases)))
    for name, figure in figures.items():
        whole = total(figure.times)
        ratio = "" if reference is None else f"{reference / whole:.2f}"
        share = flops / whole / peaks[name.split("-")[0]]
        cells = [name, f"{1000 * whole:.1f}", f"{batch / whole:.1f}", ratio, f"{share:.0%}", f"{figure.memory:.1f}"]
        cells += [f"{figure.loss:.5f}", f"{figure.begun:.1f}"]
        cells += [f"{1000 * statistics.median(one.get(phase, 0.0) for one in figure.times):.1f}" for phase in phases]
        print("| " + " | ".join(cells) + " |")
    print(f"\n{flops / 1e12:.3f} Tflop a step; matrix peak, Tflop/s:", end=" ")
    print(", ".join(f"{name} {value / 1e12:.2f}" for name, value in peaks.items()))
    if file is not None:
        rows = {name: figure._asdict() for name, figure in figures.items()}
        file.write_text(json.dumps({"flops": flops, "peaks": peaks, "rows": rows}, indent=1) + "\n")


def total(seconds: list[Seconds]) -> float:
    """Take the median of whole steps."""
    return statistics.median(sum(one.values()) for one in seconds)


if __name__ == "__main__":
    main()
