"""Chooses the device of a computation, and what the network computes in on it.

The one place that knows the names of devices. `numerics` has the settings of PyTorch that hold for a whole run.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor
from torch.amp import is_autocast_available

from mvd.config import RuntimeConfig
from mvd.errors import ConfigError

_ASCEND = "torch_npu"  # makes Ascend processors known to PyTorch when it is imported
_OTHERWISE = "to use the CPU: --runtime.device cpu"


class DeviceModule(Protocol):
    """What `torch.cuda` and `torch.npu` have in common, as far as it is used here.

    `torch.get_device_module` returns an untyped module; with this type a misspelt attribute is an error of mypy's.
    """

    def device_count(self) -> int:
        """Count the devices that this process can see."""

    def current_device(self) -> int:
        """Return the index of the current device."""

    def set_device(self, device: torch.device, /) -> None:
        """Make a device the current one."""

    def synchronize(self) -> None:
        """Wait until the current device has finished."""

    def empty_cache(self) -> None:
        """Give back memory that no tensor holds."""

    def mem_get_info(self, device: torch.device, /) -> tuple[int, int]:
        """Return the bytes that are free on a device, and all of them."""

    def max_memory_allocated(self, device: torch.device, /) -> int:
        """Return the peak of bytes in tensors."""

    def reset_peak_memory_stats(self, device: torch.device, /) -> None:
        """Start a new peak."""


def device_module(device: torch.device) -> DeviceModule:
    """Return `torch.cuda` for a CUDA device, `torch.npu` for an Ascend one, and so on."""
    module: DeviceModule = torch.get_device_module(device)
    return module


def resolve_device(name: str) -> torch.device:
    """Turn the name of a device into one that is there.

    Args:
        name: "auto" for the first that is there of CUDA, Ascend, Apple's MPS and the CPU; or what `torch.device` takes.

    Raises:
        ConfigError: PyTorch does not know it, it is not on this machine, or what an Ascend processor needs is not
            installed.
    """
    if name == "auto":
        name = _first_device()
    elif name.partition(":")[0] == "npu":
        _load_ascend()
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # A build without a device's code says so with AssertionError, one without the device with RuntimeError.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"runtime.device: expected a device of this machine, found {name!r} ({reason}); {_OTHERWISE}"
        ) from error
    return device


def _first_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    # Who has installed torch_npu means it to be used: when it is broken, that is said, not passed over.
    if importlib.util.find_spec(_ASCEND):
        _load_ascend()
        npu = getattr(torch, "npu", None)
        if npu is not None and npu.is_available():
            return "npu"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _load_ascend() -> None:
    try:
        importlib.import_module(_ASCEND)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"runtime.device: expected the package {_ASCEND} for an Ascend processor, found none; install Huawei's "
            f"CANN toolkit and pip install {_ASCEND}=={torch.__version__.partition('+')[0]}; {_OTHERWISE}"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError(
            f"runtime.device: expected {_ASCEND} to find Huawei's CANN toolkit, it did not "
            f"({str(error).splitlines()[0]}); install CANN and source its set_env.sh; {_OTHERWISE}"
        ) from error


def compile_obstacle(device: torch.device) -> str | None:
    """Name what `torch.compile` needs for a device and does not find on this machine; None if nothing is missing."""
    if device.type == "cpu":
        found = any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++", "cl") if name)
        return None if found else "a C++ compiler (g++, clang++ or cl)"
    if device.type == "cuda":
        return None if importlib.util.find_spec("triton") else "the package triton"
    return None


def autocast(runtime: RuntimeConfig, device: torch.device) -> AbstractContextManager[None]:
    """Make the context in which the network computes in the precision asked for."""
    # PyTorch before 2.5 has no autocast on MPS, not even one that is switched off.
    if runtime.precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Make the context in which autocast is off, for what needs more digits than bfloat16 has."""
    # Naming a device that has no autocast is an error, even to switch it off.
    return torch.autocast(device_type, enabled=False) if is_autocast_available(device_type) else nullcontext()


def widen(values: Tensor) -> Tensor:
    """Turn values into float32, unless they are wider."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def memory_format(runtime: RuntimeConfig) -> torch.memory_format:
    """Name the layout of activations in memory."""
    return torch.channels_last if runtime.channels_last else torch.contiguous_format
