"""Estimate the memory of a training step, and decide whether to recompute activations.

The network runs once on PyTorch's meta device, which only computes shapes, and the tensors that the backward pass would
keep are added up, together with weights, gradients and two moments of the optimizer. BENCHMARKS.md compares estimates
with measured peaks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mvd import distributed
from mvd.config import ModelConfig, RunConfig
from mvd.models.factory import build_network
from mvd.models.resnet import ResNet
from mvd.runtime.defaults import torch_defaults
from mvd.runtime.device import device_module

# Measured peaks over the sum: gradients of activations, workspaces, fragmentation.
_ALLOWANCE = 1.15
# Upper bound on the bytes of all activations per pixel of a picture: ResNet-101 of width 64, attention, four passes.
_MOST_PER_PIXEL = 40_000
_GROUP = Path("/sys/fs/cgroup")
_BYTES_A_WEIGHT = 16  # the weight, its gradient, two moments; all float32


def fit_into_memory(config: RunConfig, classes: int, device: torch.device) -> tuple[RunConfig, str | None]:
    """Replace `runtime.recompute` "auto": recompute activations if a step would not fit into memory otherwise.

    Recomputing does not change the bits of the result, so a run may be resumed on a machine with more or less memory.

    Args:
        config: configuration of the run, with its precision resolved.
        classes: K.
        device: the training device.

    Returns:
        The configuration, and a line for the user if activations are recomputed or the step may still not fit.
    """
    runtime = config.runtime
    if runtime.recompute != "auto":
        return config, None
    keep = replace(config, runtime=replace(runtime, recompute=False))
    limit = int(runtime.memory * 1e9) or free_memory(device)
    # A compiled network cannot recompute, and only ResNets support it.
    if limit is None or runtime.compile is True or config.model.encoder is not None:
        return keep, None
    if _at_most(config) <= limit:
        return keep, None
    needed = estimate_step(keep, classes)
    if needed <= limit:
        return keep, None
    chosen = replace(config, runtime=replace(runtime, recompute=True))
    smaller = estimate_step(chosen, classes)
    line = (
        f"activations are recomputed: a step would take about {needed / 1e9:.1f} GB, and {limit / 1e9:.1f} GB are "
        f"available; now it takes about {smaller / 1e9:.1f} GB and a third more arithmetic "
        f"(--runtime.recompute False keeps them)"
    )
    if smaller > limit:
        line += "; that may be too much: --runtime.precision bf16 or --runtime.accumulate 2 halve it"
    return chosen, line


def estimate_step(config: RunConfig, classes: int) -> int:
    """Estimate the peak memory of a step in one process, in bytes."""
    recompute, model = config.runtime.recompute is True, config.model
    pictures = config.batch_size // (distributed.count() * config.runtime.accumulate)
    size = max(pictures, 2), config.data.height, config.data.width
    kept, weights = _kept(model, classes, size, recompute=recompute)
    if config.runtime.precision == "bf16":
        # Channel attention stays float32.
        plain = replace(model, channel_attention=False)
        halved = kept if not model.channel_attention else _kept(plain, classes, size, recompute=recompute)[0]
        kept -= halved // 2
    return int(_ALLOWANCE * (kept + (_BYTES_A_WEIGHT + (4 if config.optimizer.ema else 0)) * weights))


@torch_defaults()
def count_convolutions(model: ModelConfig, height: int, width: int) -> int:
    """Count the multiply-adds of all convolutions for one picture in the forward pass of training.

    >>> network = ModelConfig(arch="resnet18", base_width=16, last_stride=2)
    >>> count_convolutions(network, 96, 48)
    52912128
    >>> from dataclasses import replace
    >>> 4 * count_convolutions(replace(network, encoders="shared", bottleneck=False), 96, 48)
    52912128
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network: nn.Module = build_network(model, 2)
        images = torch.empty(2, 3, height, width)
    with FlopCounterMode(display=False) as counter:
        network.train()(images, torch.arange(2))
    counts: dict[object, int] = counter.get_flop_counts()["Global"]
    return sum(count for operator, count in counts.items() if "convolution" in str(operator)) // (2 * len(images))


def _at_most(config: RunConfig) -> int:
    """Return an upper bound for a step without running the network, so that small networks start at once."""
    pixels = config.batch_size * config.data.height * config.data.width
    return pixels * _MOST_PER_PIXEL * config.model.base_width // 64


def free_memory(device: torch.device) -> int | None:
    """Return the available bytes of a CUDA device, or of main memory for a CPU; None if unknown."""
    if device.type == "cuda":
        return device_module(device).mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    limits = [_available(), _left_in_group()]
    return min((limit for limit in limits if limit is not None), default=None)


def _available() -> int | None:
    table = Path("/proc/meminfo")
    if not table.exists():
        return None
    line = next((line for line in table.read_text().splitlines() if line.startswith("MemAvailable:")), None)
    return None if line is None else int(line.split()[1]) * 1024


def _left_in_group() -> int | None:
    """Return the remaining bytes in this process's control group, such as a container's."""
    try:
        limit, used, stat = ((_GROUP / f"memory.{name}").read_text().strip() for name in ("max", "current", "stat"))
    except OSError:
        return None
    if limit == "max":
        return None
    # The contents of files, such as of prepared arrays, count as used, but the kernel drops them when memory is needed.
    counts = dict(line.split() for line in stat.splitlines())
    cached = sum(int(counts.get(name, 0)) for name in ("active_file", "inactive_file"))
    return max(int(limit) - int(used) + cached, 0)


def _kept(model: ModelConfig, classes: int, size: tuple[int, int, int], *, recompute: bool) -> tuple[int, int]:
    """Count the bytes, in float32, that are kept for the network's backward pass, and the number of weights."""
    # The initialisation of weights draws random numbers even for meta tensors.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network: nn.Module = build_network(model, classes)
    for module in network.modules():
        if isinstance(module, ResNet):
            module.recompute = recompute
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage  # held, so that its id is not reused
        return tensor

    batch, height, width = size
    images = torch.empty(batch, 3, height, width, device="meta")
    modalities = torch.arange(batch) % 2
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network.train()(images, modalities)
    weights = sum(parameter.numel() for parameter in network.parameters())
    del output
    return sum(storage.nbytes() for storage in kept.values()), weights
