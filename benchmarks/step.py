"""Measures a training step: ours in several precisions, and beside it the published one, plainly computed.

Usage: python benchmarks/step.py [--device cpu] [--arch resnet50] [--height 288 --width 144] [--identities 8]
                                 [--pictures 4] [--steps 5] [--rows plain fp32 fp32-nchw bf16 …]
                                 [--split] [--profile] [--no-attention]

The recipe is `mvd-cvpr21` (a rank loss on eight heads, Sinkhorn, both distillations), on noise from a mapped file,
read through the loader that trains. Rows take turns, step by step, so that what else the machine does falls on all of
them alike; a row's figure is the median of its steps, after some that are not counted.

    plain       benchmarks/plain_step.py: the published step, eager, float32
    fp32        ours in float32, channels last
    fp32-nchw   the same without channels last
    tf32, bf16  ours in those
    …-compile   the same, compiled
    bf16-recompute, bf16-parts     for small memories: encoders computed twice; the batch in two parts

The share of the peak is the arithmetic of the step, counted by PyTorch, over what the device does in one large product
of matrices of that precision, measured here. `--split` times the phases of each row one by one, waiting for the device
after each. `--profile` lists the operators of each row that take longest.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from plain_step import PlainStep
from torch.utils.flop_counter import FlopCounterMode

from mvd.config import DataConfig, RunConfig, RuntimeConfig, SamplingConfig
from mvd.config.recipes import RECIPES
from mvd.data.arrays import PreparedPictures
from mvd.data.augment import draw_augmentation
from mvd.data.prefetch import prefetch
from mvd.data.samples import Modality, Samples
from mvd.data.sampling import identity_batches
from mvd.data.training import TrainingData
from mvd.losses.objective import Objective, accuracy, build_objective
from mvd.models.mvd import MVD
from mvd.models.outputs import tensors_of
from mvd.models.state import initial_network
from mvd.runtime.device import autocast, memory_format, resolve_device
from mvd.runtime.precision import numerics
from mvd.training import trainer
from mvd.training.batches import HostBatch, host_batches
from mvd.training.device_augment import augment
from mvd.training.state import TrainState, initial_state

PEOPLE, EACH = 395, 8
PHASES = ("data", "forward", "losses", "backward", "optimiser")
Seconds = dict[str, float]


def main() -> None:
    """Measure the rows that were asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
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
    given = parser.parse_args()
    device = resolve_device(given.device)
    base = RECIPES["mvd-cvpr21"]
    config = replace(
        base,
        data=DataConfig(height=given.height, width=given.width),
        sampling=SamplingConfig(identities=given.identities, pictures=given.pictures, steps_per_epoch=100),
        model=replace(
            base.model, arch=given.arch, base_width=given.base_width, channel_attention=not given.no_attention
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        data = noise(Path(folder), config)
        rows = {name: build_row(name, config, data, device, split=given.split) for name in given.rows}
        print(describe(config, device), flush=True)
        times: dict[str, list[Seconds]] = {name: [] for name in rows}
        memory = dict.fromkeys(rows, 0.0)
        for _ in range(given.skipped + given.steps):
            for name, take in rows.items():
                if device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                times[name].append(take())
                memory[name] = max(memory[name], peak(device))
        if given.profile:
            for name, take in rows.items():
                print(f"{name}, {given.steps} steps\n{profile(take, given.steps, device)}\n")
    counted = {name: seconds[given.skipped :] for name, seconds in times.items()}
    table(counted, config, memory, count_flops(config, device), device)


def noise(folder: Path, config: RunConfig) -> TrainingData:
    """Write pictures of nothing, and map them into memory."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), EACH)
    parts = []
    for modality in Modality:
        file = folder / f"{modality}.npy"
        shape = (len(people), config.data.height, config.data.width, 3)
        np.save(file, rng.integers(0, 256, shape, dtype=np.uint8))
        samples = Samples(
            paths=np.array([f"{modality}/{row}" for row in range(len(people))]),
            identities=people,
            cameras=np.full(len(people), 1 + 2 * modality),
            modalities=np.full(len(people), modality),
        )
        images = np.load(file, mmap_mode="r")
        parts.append(PreparedPictures(images=images, rows=np.arange(len(people)), samples=samples))
    return TrainingData(visible=parts[0], infrared=parts[1], identities=np.arange(PEOPLE))


def build_row(
    name: str, config: RunConfig, data: TrainingData, device: torch.device, *, split: bool
) -> Callable[[], Seconds]:
    """Make a function that takes a row's next step and tells how long it took: "step", or each phase."""
    if name == "plain":
        return plain_row(config, data, device)
    precision, *switches = name.split("-")
    runtime = RuntimeConfig(
        device=str(device),
        precision=precision,  # type: ignore[arg-type]
        channels_last="nchw" not in switches,
        compile="compile" in switches,
        recompute="recompute" in switches,
        accumulate=2 if "parts" in switches else 1,
    )
    config = replace(config, runtime=runtime)
    state = initial_state(config, PEOPLE, device)
    objective = build_objective(config)
    batches = prefetch(host_batches(config, data, 0, pin=device.type == "cuda"))

    def step() -> Seconds:
        start = time.perf_counter()
        trainer.train_step(state, objective, next(batches), config, device)
        state.step += 1
        wait(device)
        return {"step": time.perf_counter() - start}

    def phases() -> Seconds:
        return split_step(state, objective, batches, config, device)

    def take() -> Seconds:
        with numerics(runtime, device):
            return phases() if split else step()

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
    images = augment(pictures, draws, config.augment.pad, memory_format(config.runtime))
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


def plain_row(config: RunConfig, data: TrainingData, device: torch.device) -> Callable[[], Seconds]:
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

    def take() -> Seconds:
        number = next(numbers)
        start = time.perf_counter()
        pictures = [data.visible.read(dealt.visible[number]), data.infrared.read(dealt.infrared[number])]
        draws = draw_augmentation(config.augment, modalities, *size, seed=config.seed, step=number)
        plain(np.concatenate(pictures), draws, np.tile(dealt.labels[number], 2), modalities)
        wait(device)
        return {"step": time.perf_counter() - start}

    return take


def profile(take: Callable[[], Seconds], steps: int, device: torch.device) -> str:
    """List the operators that take most of the time by themselves."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as seen:
        for _ in range(steps):
            take()
    events = seen.key_averages()
    own = {event.key: event.self_device_time_total or event.self_cpu_time_total for event in events}
    whole = sum(own.values())
    most = sorted(own.items(), key=lambda item: item[1], reverse=True)[:12]
    return "\n".join(f"| {key} | {time / 1000 / steps:.1f} ms | {time / whole:.0%} |" for key, time in most)


def wait(device: torch.device) -> None:
    """Let the device finish what it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def peak(device: torch.device) -> float:
    """Tell the peak of memory in GB: of the device, or of the whole process, all rows together."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def count_flops(config: RunConfig, device: torch.device) -> int:
    """Count the floating-point operations of a step's network, forward and backward, two to a multiplication."""
    network = initial_network(replace(config, runtime=RuntimeConfig(channels_last=False)), PEOPLE, device)
    pictures = 2  # of as many operations each; a norm wants two
    images = torch.zeros(pictures, 3, config.data.height, config.data.width, device=device)
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


def describe(config: RunConfig, device: torch.device) -> str:
    """Say what is measured, on what."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    half = config.sampling.identities * config.sampling.pictures
    size = f"{config.data.height}×{config.data.width}"
    width = "" if config.model.base_width == 64 else f" of width {config.model.base_width}"
    what = f"{config.model.arch}{width}, {size}, {half} + {half} pictures"
    attention = "" if config.model.channel_attention else ", no channel attention"
    return f"{what}{attention}; {device} ({name}), PyTorch {torch.__version__}\n"


def table(
    times: dict[str, list[Seconds]], config: RunConfig, memory: dict[str, float], flops: int, device: torch.device
) -> None:
    """Print a row for each."""
    batch = 2 * config.sampling.identities * config.sampling.pictures
    peaks = {precision: matrix_peak(precision, device) for precision in {name.split("-")[0] for name in times}}
    reference = total(times["plain"]) if "plain" in times else None
    print(
        "| row | ms a step | pictures/s | plain / row | share of matrix peak | peak GB | " + " | ".join(PHASES) + " |"
    )
    print("|---|---|---|---|---|---|" + "---|" * len(PHASES))
    for name, seconds in times.items():
        whole = total(seconds)
        ratio = "" if reference is None else f"{reference / whole:.2f}"
        share = flops / whole / peaks[name.split("-")[0]]
        phases = [
            f"{1000 * statistics.median(one[phase] for one in seconds):.1f}" if phase in seconds[0] else ""
            for phase in PHASES
        ]
        print(
            f"| {name} | {1000 * whole:.1f} | {batch / whole:.1f} | {ratio} | {share:.0%} | {memory[name]:.1f} | "
            + " | ".join(phases)
            + " |"
        )
    print(f"\n{flops / 1e12:.3f} Tflop a step; matrix peak, Tflop/s:", end=" ")
    print(", ".join(f"{name} {value / 1e12:.2f}" for name, value in peaks.items()))


def total(seconds: list[Seconds]) -> float:
    """Take the median of whole steps."""
    return statistics.median(sum(one.values()) for one in seconds)


if __name__ == "__main__":
    main()
