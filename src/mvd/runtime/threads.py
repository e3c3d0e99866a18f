"""Threads on a CPU that other programs use too: one thread per free core.

OpenMP's threads wait for each other at the end of every operator. With one thread per core and one core used by another
program, all threads wait for the thread that shares its core, and training loses most of its speed; with one thread
fewer it only loses that core (BENCHMARKS.md).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from mvd.config import RuntimeConfig

_STAT = Path("/proc/stat")
_SECONDS = 1.0  # between two measurements


class FreeThreads:
    """Adapts the number of threads to the free cores; created by `free_threads`."""

    def __init__(self, most: int, *, follow: bool) -> None:
        self._most = most
        self._follows = follow
        self._looked = time.monotonic()
        self._busy = _busy_seconds() if follow else (0.0, 0.0)

    def follow(self) -> bool:
        """Adjust the number of threads, at most once a second; call it between two steps.

        Returns:
            Whether the number changed.
        """
        now = time.monotonic()
        if not self._follows or now - self._looked < _SECONDS:
            return False
        everybody, own = _busy_seconds()
        others = (everybody - self._busy[0] - (own - self._busy[1])) / (now - self._looked)
        self._looked, self._busy = now, (everybody, own)
        threads = count_threads(len(os.sched_getaffinity(0)), others, self._most)
        changed = threads != torch.get_num_threads()
        if changed:
            torch.set_num_threads(threads)
        return changed


@contextmanager
def free_threads(runtime: RuntimeConfig, device: torch.device) -> Iterator[FreeThreads]:
    """Let PyTorch use as many threads as there are free cores; restore the number of threads afterwards.

    The number of threads changes the order of sums, and so the last bits of a result. It stays fixed if
    `runtime.threads`, OMP_NUM_THREADS or `runtime.deterministic` is set, on devices other than a CPU, and on systems
    other than Linux, which do not report the use by other programs.

    Args:
        runtime: has `threads` and `deterministic`.
        device: the training device.
    """
    before = torch.get_num_threads()
    fixed = runtime.threads or runtime.deterministic or device.type != "cpu" or "OMP_NUM_THREADS" in os.environ
    most = runtime.threads or before
    if most != before:
        torch.set_num_threads(most)
    try:
        yield FreeThreads(most, follow=not fixed and most > 1 and _STAT.exists())
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def count_threads(cores: int, others: float, most: int) -> int:
    """Return the number of threads to use.

    Args:
        cores: number of cores that this process may use.
        others: number of cores that other programs kept busy.
        most: number of threads on an idle machine.

    Example:
        >>> [count_threads(2, others, most=2) for others in (0.0, 0.3, 0.7, 1.9)]
        [2, 2, 1, 1]
    """
    return max(1, min(most, round(cores - others)))


def _busy_seconds() -> tuple[float, float]:
    """Return the seconds that all programs have used so far on the cores of this process, and that it has itself."""
    lines = [line.split() for line in _STAT.read_text(encoding="ascii").splitlines() if line.startswith("cpu")]
    usable = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    # Of a machine with other cores than these, those do not matter. A container may number its own from 0.
    counted = [line for line in lines if line[0] in usable] or lines[:1]
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are counted among users.
    ticks = [sum(map(int, column)) for column in list(zip(*counted, strict=True))[1:9]]
    own = os.times()
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK"), own.user + own.system
