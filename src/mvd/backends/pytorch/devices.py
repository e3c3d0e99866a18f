"""Chooses the device and the precision of a computation."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from mvd.config import RuntimeConfig
from mvd.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """Turn the name of a device into one that is there.

    Args:
        name: "auto" for CUDA, then Apple's MPS, then the CPU; or what `torch.device` takes.

    Raises:
        ConfigError: PyTorch does not know it, or it is not on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # A build without a device's code says so with AssertionError, one without the device with RuntimeError.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"runtime.device: expected a device of this machine, found {name!r} ({reason}); "
            f"to use the processor: --runtime.device cpu"
        ) from error
    return device


def autocast(runtime: RuntimeConfig, device: torch.device) -> AbstractContextManager[None]:
    """Make the context in which the network computes in the precision asked for."""
    # PyTorch before 2.5 has no autocast on MPS, not even one that is switched off.
    if runtime.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def memory_format(runtime: RuntimeConfig) -> torch.memory_format:
    """Name the layout of activations in memory."""
    return torch.channels_last if runtime.channels_last else torch.contiguous_format
