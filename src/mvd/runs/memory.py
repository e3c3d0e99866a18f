"""Peak memory of a process, read from counters of the operating system."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_resident() -> int | None:
    """Return the peak resident memory of this process in bytes; None if the system does not report it."""
    # getrusage would include the peak of the parent process from before exec.
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
