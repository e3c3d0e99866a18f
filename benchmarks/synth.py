"""Measures the speed of rendering people.

Usage: python benchmarks/synth.py [PEOPLE]

Prints pictures per second, including the writing of files, for one process and for one process per core.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from mvd.data.workers import worker_count
from mvd.synthetic import SyntheticConfig, even_plan, write_dataset


def main(people: int) -> None:
    """Render the same people with one worker and with all."""
    config = SyntheticConfig(plan=even_plan(train=people - 2, validation=1, test=1, pictures=8))
    print("| workers | rendered, pictures/s |\n|---|---|")
    for workers in sorted({1, worker_count(0)}):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            write_dataset(Path(folder) / "people", config, workers=workers)
            rendered = time.perf_counter()
        print(f"| {workers} | {config.plan.pictures / (rendered - start):.0f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
