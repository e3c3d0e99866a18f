"""Peak memory of a run, read from existing counters without synchronising the device."""

from __future__ import annotations

import torch

from mvd.runs.memory import peak_resident
from mvd.runtime.device import device_module


def peak_memory(device: torch.device) -> dict[str, int]:
    """Return the peak bytes so far.

    Returns:
        "resident", of this process; and "device", of PyTorch's tensors on a CUDA or Ascend device. Unknown values are
        omitted.
    """
    peak: dict[str, int] = {}
    if (resident := peak_resident()) is not None:
        peak["resident"] = resident
    if device.type in ("cuda", "npu"):
        peak["device"] = device_module(device).max_memory_allocated(device)
    return peak
