"""Measures a training step in several precisions, compared with a plain implementation of the published step.

Usage: python benchmarks/step.py [--device cpu] [--recipe mvd-cvpr21] [--arch resnet50] [--height 288 --width 144]
                                 [--identities 8] [--pictures 4] [--steps 5] [--rows plain fp32 fp32-nchw bf16 …]
                                 [--split] [--profile] [--no-attention] [--json FILE]

The default recipe is `mvd-cvpr21` (a rank loss on eight heads, Sinkhorn, both distillations), on noise from a
memory-mapped file, read by the loader of training. On a CPU rows alternate step by step, so that other load of the
machine affects all rows alike; a row's figure is the median of its steps after some warm-up steps. On other devices
rows are measured one after the other, each with the whole memory; there is no synchronisation after each step, as in
training: a row's figure is the median of five groups of steps.

    plain       benchmarks/plain_step.py: the published step, eager, float32
    fp32        ours in float32, channels last
    fp32-nchw   the same without channels last
    tf32, bf16  ours in these precisions
    …-compile   the same, the encoders compiled
    …-graph     the same, recorded as a CUDA graph, the specific branches beside the shared one
    …-tuned     the same, with cuDNN's convolutions chosen by trial (`torch.backends.cudnn.benchmark`)
    …-joint     the same, the two passes of the shared encoder as one batch with statistics of its halves
    …-objective the same, the losses compiled
    …-autotune  the same, the blocks of compiled norms and pointwise operations chosen by trial, which takes longer
    bf16-recompute, bf16-parts     for small memories: encoders computed twice; the batch in two parts

The share of the peak is the arithmetic of the step, counted by PyTorch, divided by the rate of one large matrix product
in that precision, measured here. `--split` times the phases of each row one by one, with synchronisation after each.
`--profile` lists the slowest operators of each row. "loss" is the total of the same early step in every row: rows that
compute the same have nearly equal losses.

benchmarks/step_mindspore.py has MindSpore's step beside PyTorch's.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import resource
import statistics
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import torch
from noise import PEOPLE, add_sizes, noise, sized
from step_rows import COMPARED, PHASES, Seconds, Take, build_row, wait
from torch.utils.flop_counter import FlopCounterMode

from mvd.config import RunConfig, RuntimeConfig
from mvd.config.recipes import RECIPES
from mvd.data.training import TrainingData
from mvd.models.factory import build_network
from mvd.models.outputs import tensors_of
from mvd.runtime.device import device_module, resolve_device
from mvd.runtime.precision import numerics


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
    add_sizes(parser)
    parser.add_argument("--no-attention", action="store_true", help="without the release's channel attention")
    parser.add_argument("--skipped", type=int, default=2)
    parser.add_argument("--rows", nargs="+", default=["plain", "fp32-nchw", "fp32", "bf16"])
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    device = resolve_device(given.device)
    base = RECIPES[given.recipe]
    config = sized(base, given, channel_attention=base.model.channel_attention and not given.no_attention)
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
        except KeyboardInterrupt:  # a time limit: the rows before are worth having, and their table
            print(f"{name}: interrupted; it and the rows after it are left out", flush=True)
            break
        torch.backends.cudnn.benchmark = False
        del take
    return figures


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
    kinds = collections.Counter[str]()
    for key, spent in own.items():
        kinds[kind_of(key)] += spent
    most = sorted(own.items(), key=lambda item: item[1], reverse=True)[:30]
    count = sum(event.count for event in events if event.device_type.name == "CUDA")
    kernels = f"{count / steps:.0f} kernels, " if count else ""
    title = f"{kernels}{whole / 1000 / steps:.1f} ms a step"
    lines = [f"| {key[:90]} | {time / 1000 / steps:.2f} ms | {time / whole:.0%} |" for key, time in most]
    if device.type == "cuda":
        numbers = collections.Counter[str]()
        for event in events:
            if event.key in own and event.device_type.name == "CUDA":
                numbers[kind_of(event.key)] += event.count
        title += "\n" + "\n".join(
            f"| {kind} | {numbers[kind] / steps:.0f} kernels | {spent / 1000 / steps:.2f} ms | {spent / whole:.0%} |"
            for kind, spent in kinds.most_common()
        )
    return "\n".join([title, *lines])


def kind_of(kernel: str) -> str:
    """Tell what a CUDA kernel does by its name."""
    kinds = {
        "norms and pointwise operations, compiled: reductions": "triton_red|triton_per",
        "norms and pointwise operations, compiled: pointwise": "triton_poi|triton_for|triton_",
        "norms, cuDNN": "bn_fw|bn_bw|batch_norm|batchnorm",
        "layouts of convolutions": "nchwtonhwc|nhwctonchw|tensortransform|scalepackedtensor|cast",
        "convolutions, weights": "wgrad",
        "convolutions, inputs": "dgrad",
        "convolutions, forward, and matrix products": "fprop|conv|gemm|xmma|cutlass|nvjet|splitk|cublas",
        "optimizer": "multi_tensor|fused_adam|foreach",
        "copies": "memcpy|memset|copy_kernel|copy|catarray",
        "reductions, eager": "reduce_kernel|softmax|sort|scan|topk",
        "pointwise operations, eager": "elementwise|index|gather|scatter",
    }
    name = kernel.lower()
    return next((kind for kind, words in kinds.items() if any(word in name for word in words.split("|"))), "others")


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
