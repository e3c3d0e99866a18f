"""Choose the device of a computation, and the precision and memory format of the network on it.

Only this module knows the names of devices. `numerics` has the settings of PyTorch that apply to a whole run.
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

_ASCEND = "torch_npu"  # its import registers Ascend devices with PyTorch
_OTHERWISE = "to use the CPU: --runtime.device cpu"


class DeviceModule(Protocol):
    """The common interface of `torch.cuda` and `torch.npu` that is used here.

    `torch.get_device_module` returns an untyped module; with this type mypy detects misspelt attributes.
    """

    def device_count(self) -> int:
        """Return the number of devices that are visible to this process."""

    def current_device(self) -> int:
        """Return the index of the current device."""

    def set_device(self, device: torch.device, /) -> None:
        """Make a device the current one."""

    def synchronize(self) -> None:
        """Wait until the current device has finished."""

    def empty_cache(self) -> None:
        """Release cached memory that no tensor uses."""

    def mem_get_info(self, device: torch.device, /) -> tuple[int, int]:
        """Return the free and the total bytes of a device."""

    def max_memory_allocated(self, device: torch.device, /) -> int:
        """Return the peak bytes allocated by tensors."""

    def reset_peak_memory_stats(self, device: torch.device, /) -> None:
        """Reset the peak."""


def device_module(device: torch.device) -> DeviceModule:
    """Return `torch.cuda` for a CUDA device, `torch.npu` for an Ascend one, and so on."""
    module: DeviceModule = torch.get_device_module(device)
    return module


def resolve_device(name: str) -> torch.device:
    """Return the available device of a name.

    Args:
        name: "auto" for the first available of CUDA, Ascend, Apple's MPS and the CPU; or any name that `torch.device`
            accepts.

    Raises:
        ConfigError: PyTorch does not know the device, this machine does not have it, or the package for Ascend devices
            is not installed.
    """
    if name == "auto":
        name = _first_device()
    elif name.partition(":")[0] == "npu":
        _load_ascend()
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # PyTorch raises AssertionError if it was built without the device type, and RuntimeError if the device is missing.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"runtime.device: expected a device of this machine, found {name!r} ({reason}); {_OTHERWISE}"
        ) from error
    return device


def _first_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    # If torch_npu is installed, it is meant to be used: an error in it must not be ignored.
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
    """Name the requirement of `torch.compile` for a device that this machine lacks; None if nothing is missing."""
    if device.type == "cpu":
        found = any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++", "cl") if name)
        return None if found else "a C++ compiler (g++, clang++ or cl)"
    if device.type == "cuda":
        return None if importlib.util.find_spec("triton") else "the package triton"
    return None


def autocast(runtime: RuntimeConfig, device: torch.device) -> AbstractContextManager[None]:
    """Return the context in which the network computes in the configured precision."""
    # PyTorch before 2.5 has no autocast on MPS, not even a disabled one.
    if runtime.precision != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Return the context in which autocast is disabled, for operations that need more precision than bfloat16."""
    # PyTorch raises an error for a device without autocast, even to disable it.
    return torch.autocast(device_type, enabled=False) if is_autocast_available(device_type) else nullcontext()


def widen(values: Tensor) -> Tensor:
    """Convert values to float32, unless their type is wider."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def memory_format(runtime: RuntimeConfig) -> torch.memory_format:
    """Return the memory format of activations."""
    return torch.channels_last if runtime.channels_last else torch.contiguous_format
