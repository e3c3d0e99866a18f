"""Prints the learning curve of a run: its loss, its validations, and the time to a rank-1 of 50 %.

Usage: python benchmarks/learning.py RUN

Times are computed from log lines, as pictures divided by pictures per second: without validations and checkpoints.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mvd.runs import open_run


def main() -> None:
    """Print a line for each validation."""
    run = open_run(Path(sys.argv[1]))
    sampling = run.config.sampling
    batch = 2 * sampling.identities * sampling.pictures
    seconds, step, reached = 0.0, 0, None
    loss = rate = 0.0
    memory: dict[str, int] = {}
    for record in run.metrics():
        if "losses" in record:
            rate, loss = record["pictures_per_second"], record["losses"]["total"]
            seconds += (record["step"] - step) * batch / rate
            step = record["step"]
            memory = record.get("memory", {})
        if "validation" in record:
            figures = record["validation"]
            shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
            print(f"step {step}, {seconds:.0f} s of training, {rate:.0f} pictures/s, loss {loss:.3f}: {shown}")
            first = next((value for name, value in figures.items() if "1" in name and "ank" in name), 0.0)
            if reached is None and first >= 0.5:
                reached = seconds
    print(f"rank-1 of 50 % after {reached:.0f} s" if reached is not None else "rank-1 of 50 % was not reached")
    print(f"peak memory, GB: { {name: round(value / 1e9, 1) for name, value in memory.items()} }")


if __name__ == "__main__":
    main()
