"""MindSpore's device and mode, and the settings that this engine does not support.

MindSpore's device targets CPU and Ascend are called "cpu" and "npu" here. MindSpore's mode is global to the process and
restored after a run. The device cannot be changed after the first computation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import mindspore
import numpy as np
from mindspore import Tensor, device_context, ops

import mvd.mindspore
from mvd.config import RunConfig, RuntimeConfig
from mvd.errors import ConfigError
from mvd.mindspore.models.factory import require_here

_OTHERWISE = "take --runtime.device cpu, or --framework pytorch"
_LAUNCHED = ("MS_WORKER_NUM", "RANK_SIZE", "WORLD_SIZE")  # set by msrun, older launchers of MindSpore, torchrun

_threads: list[int] = []
"""The number of threads that MindSpore has taken in this process, if any."""


def resolve_device(name: str) -> str:
    """Resolve the name of a device to an available one: "cpu", or "npu:0" for the first Ascend device.

    Args:
        name: "auto" for Ascend if available, otherwise the CPU; "cpu", "npu", "npu:1".

    Raises:
        ConfigError: MindSpore does not support the device, or it is not available.
    """
    kind, _, index = name.partition(":")
    if kind in ("cuda", "gpu"):
        raise ConfigError(
            f"runtime.device: expected cpu or npu with framework mindspore, found {name!r}: MindSpore's GPU plugins "
            f"stopped at CUDA 11.6; {_OTHERWISE}"
        )
    if kind not in ("auto", "cpu", "npu") or (index and (kind != "npu" or not index.isdecimal())):
        raise ConfigError(
            f"runtime.device: expected auto, cpu, npu or npu:1 with framework mindspore, found {name!r}; {_OTHERWISE}"
        )
    if kind == "cpu":
        return "cpu"
    # Ascend's plugin prints its own messages if something is missing.
    found = device_context.ascend.device_count() if _has_ascend() else 0
    if kind == "auto" and not found:
        return "cpu"
    if int(index or 0) >= found:
        raise ConfigError(
            f"runtime.device: expected an Ascend device of this machine, found {found} of them and {name!r}; install "
            f"Huawei's CANN toolkit and source its set_env.sh, or {_OTHERWISE}"
        )
    return f"npu:{int(index or 0)}"


def check(config: RunConfig) -> str:
    """Check that this engine supports a configuration, and return the device.

    Raises:
        ConfigError: a field is not supported; the message names it.
    """
    device = resolve_device(config.runtime.device)
    require_here(config.model)
    absent = {f"runtime.{field}": one for field, one in _absent(config.runtime).items()} | _absent_method(config)
    for field, (found, wanted, why) in absent.items():
        if found not in (wanted, "auto"):
            raise ConfigError(
                f"{field}: expected {wanted} with framework mindspore, found {found}: {why}; leave it out, or take "
                f"--framework pytorch"
            )
    found_in = (os.environ.get(name, "") for name in _LAUNCHED)
    processes = max((int(text) for text in found_in if text.isdecimal()), default=1)
    if processes > 1:
        raise ConfigError(
            f"framework: expected one process with mindspore, found {processes}: its batch norm over several "
            f"processes (nn.SyncBatchNorm) computes on Ascend alone; launch one process, or take --framework pytorch"
        )
    return device


def fit_runtime(runtime: RuntimeConfig) -> RuntimeConfig:
    """Replace unsupported runtime settings that do not affect the losses; keep the others."""
    changes = {
        field: "auto" if field in ("precision", "cuda_graphs", "recompute") else wanted
        for field, (found, wanted, _) in _absent(runtime).items()
        if found not in (wanted, "auto") and field != "accumulate"
    }
    return replace(runtime, **changes)  # type: ignore[arg-type]


def is_compiled(runtime: RuntimeConfig) -> bool:
    """Return whether steps are compiled: GRAPH_MODE, the default, or PYNATIVE_MODE with `compile=False`."""
    return runtime.compile is not False


@contextmanager
def computing(runtime: RuntimeConfig, device: str) -> Iterator[None]:
    """Configure MindSpore for a run, and restore its mode afterwards.

    Args:
        runtime: provides `compile`, `deterministic` and `threads`.
        device: result of `resolve_device`.

    Raises:
        ConfigError: this process has had another number of threads.
    """
    mode = mindspore.get_context("mode")
    kind, _, index = device.partition(":")
    if kind == "npu":
        mindspore.set_device("Ascend", int(index))
    else:
        mindspore.set_device("CPU")
        _settle_instructions()
    if runtime.deterministic:
        mindspore.set_deterministic(True)
    if runtime.threads:
        _set_threads(runtime.threads)
    mindspore.set_context(mode=mindspore.GRAPH_MODE if is_compiled(runtime) else mindspore.PYNATIVE_MODE)
    try:
        yield
    finally:
        mindspore.set_context(mode=mode)


def _set_threads(threads: int) -> None:
    """Set the number of threads, which MindSpore takes once in a process.

    Raises:
        ConfigError: another number was set before.
    """
    if not _threads:
        mindspore.runtime.dispatch_threads_num(threads)
        _threads.append(threads)
    elif _threads[0] != threads:
        raise ConfigError(
            f"runtime.threads: expected {_threads[0]}, as MindSpore takes a number of threads once in a process, found "
            f"{threads}; start another process"
        )


@cache
def _settle_instructions() -> None:
    """Make MindSpore's oneDNN read ONEDNN_MAX_CPU_ISA, then remove it, so that PyTorch's oneDNN does not read it.

    Each reads the variable once, at its first convolution. `mvd.mindspore` sets it for MindSpore. PyTorch 2.13, limited
    to AVX2, writes beyond its memory in the backward pass of small convolutions, and the process is aborted.
    """
    ones = Tensor(np.ones((1, 1, 1, 1), np.float32))
    ops.conv2d(ones, ones).asnumpy()
    if mvd.mindspore.CHOSE_INSTRUCTIONS:
        os.environ.pop("ONEDNN_MAX_CPU_ISA", None)


def _absent(runtime: RuntimeConfig) -> dict[str, tuple[object, object, str]]:
    """Return by field: the value, the only value that this engine supports, and the reason."""
    return {
        "precision": (runtime.precision, "fp32", "all is computed in float32 there"),
        "cuda_graphs": (runtime.cuda_graphs, False, "GRAPH_MODE (runtime.compile) is MindSpore's own way"),
        "recompute": (runtime.recompute, False, "all activations are kept"),
        "memory": (runtime.memory, 0.0, "nothing is computed again to stay below it"),
        "channels_last": (runtime.channels_last, True, "MindSpore chooses the layout of activations by itself"),
        "accumulate": (runtime.accumulate, 1, "a batch goes through the network at once"),
    }


def _absent_method(config: RunConfig) -> dict[str, tuple[object, object, str]]:
    """Return the same for losses, augmentation and optimizer, by full names; `require_here` checks the network."""
    here = "only PyTorch has it here"
    metric = config.losses.metric
    return {
        "augment.amplitude": (config.augment.amplitude, 0, here),
        "losses.metric": (metric, "triplet" if metric == "quadruple" else metric, here),
        "losses.contrastive_weight": (config.losses.contrastive_weight, 0, here),
        "losses.soft_margin": (config.losses.soft_margin, False, here),
        "optimizer.ema": (config.optimizer.ema, 0, here),
    }


def _has_ascend() -> bool:
    return bool(mindspore._c_expression.MSContext.get_instance().is_pkg_support_device("Ascend"))
