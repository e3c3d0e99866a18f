"""How much memory a run has taken at most: read from counters that are kept anyway, without waiting for a device."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mvd.runtime.device import device_module


def peak_memory(device: torch.device) -> dict[str, int]:
    """Read the most bytes so far.

    Returns:
        "resident", of this process; and "device", of PyTorch's tensors on a CUDA or Ascend device. Either is left out
        where it is not known.
    """
    peak: dict[str, int] = {}
    if (resident := _peak_resident()) is not None:
        peak["resident"] = resident
    if device.type in ("cuda", "npu"):
        peak["device"] = device_module(device).max_memory_allocated(device)
    return peak


def _peak_resident() -> int | None:
    # getrusage would count what a parent process had before it became this one.
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
