"""Prints the device and versions of a machine, and the device's peak rates of copies and matrix products."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

CARD = "--query-gpu=name,driver_version,memory.total,clocks.sm,power.limit"


def main() -> None:
    """Print the machine, and measure its device if it has one."""
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}, NumPy {np.__version__}"
    print(f"{versions}, {os.cpu_count()} cores")
    if not torch.cuda.is_available():
        print("no CUDA device")
        return
    subprocess.run(["nvidia-smi", CARD, "--format=csv"], check=False)
    print(f"CUDA {torch.version.cuda}, {torch.cuda.get_device_name()}")
    print(f"copy: {copied():.2f} TB/s, bytes read and written")
    for name, dtype in (("bf16", torch.bfloat16), ("tf32", torch.float32), ("fp32", torch.float32)):
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        print(f"matrix product of 8192, {name}: {multiplied(dtype):.0f} Tflop/s")


def copied(numbers: int = 2**30) -> float:
    """Measure a copy within the device, in TB/s."""
    source = torch.randn(numbers, device="cuda")
    target = torch.empty_like(source)
    return 2 * numbers * 4 / timed(lambda: target.copy_(source)) / 1e12


def multiplied(dtype: torch.dtype, size: int = 8192) -> float:
    """Measure a product of square matrices, in Tflop/s."""
    one, other = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
    return 2 * size**3 / timed(lambda: one @ other) / 1e12


def timed(work: Callable[[], Tensor], times: int = 7) -> float:
    """Return the median seconds of some work on the device."""
    pairs = []
    for number in range(times + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        work()
        end.record()
        if number >= 3:
            pairs.append((start, end))
    torch.cuda.synchronize()
    return float(sorted(start.elapsed_time(end) for start, end in pairs)[times // 2]) / 1000


if __name__ == "__main__":
    main()
