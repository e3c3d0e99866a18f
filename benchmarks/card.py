"""Prints what a machine is: card, versions, and the two ceilings of its device, copies and products of matrices."""

from __future__ import annotations

import os
import platform
import subprocess

import numpy as np
import torch


def main() -> None:
    """Print the machine, and measure its device if it has one."""
    print(
        f"Python {platform.python_version()}, PyTorch {torch.__version__}, NumPy {np.__version__}, {os.cpu_count()} cores"
    )
    if not torch.cuda.is_available():
        print("no CUDA device")
        return
    subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.sm,power.limit", "--format=csv"],
        check=False,
    )
    print(f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, {torch.cuda.get_device_name()}")
    source = torch.randn(2**30, device="cuda")
    target = torch.empty_like(source)
    seconds = timed(lambda: target.copy_(source))
    print(f"copy: {2 * source.numel() * 4 / seconds / 1e12:.2f} TB/s, bytes read and written")
    del source, target
    for name, dtype, tf32 in (
        ("bf16", torch.bfloat16, False),
        ("tf32", torch.float32, True),
        ("fp32", torch.float32, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        one, other = (torch.randn(8192, 8192, device="cuda", dtype=dtype) for _ in range(2))
        seconds = timed(lambda: torch.mm(one, other), 5)
        print(f"matrix product of 8192, {name}: {2 * 8192**3 / seconds / 1e12:.0f} Tflop/s")


def timed(work, times: int = 10) -> float:  # type: ignore[no-untyped-def]
    """Return the median seconds of some work on the device."""
    pairs = []
    for number in range(times + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        if number >= 3:
            pairs.append((start, end))
    torch.cuda.synchronize()
    return sorted(start.elapsed_time(end) for start, end in pairs)[times // 2] / 1000


if __name__ == "__main__":
    main()
