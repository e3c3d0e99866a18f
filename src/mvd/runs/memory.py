"""The peak of a process's memory, read from counters that are kept anyway."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_resident() -> int | None:
    """Read the most bytes of memory that this process has had so far; None where the system does not tell."""
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
