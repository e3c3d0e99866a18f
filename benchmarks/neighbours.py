"""Measures training on a CPU that other programs use too: the demo's step, alone and beside one busy process.

Usage: python benchmarks/neighbours.py [--seconds 20]

Each figure is measured in a training run of the demo's recipe on the same rendered people, in its own process: the
median of pictures per second over its log lines. "fixed" uses one thread per core, PyTorch's default; "follow" is the
default of mvd, which adapts to the free cores. The neighbour is a process that only computes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mvd.data.workers import worker_count

MVD = [sys.executable, "-m", "mvd"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}


def main() -> None:
    """Measure the rows, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long each run trains")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people"
        run("synth", people, "--train=64", "--validation=1", "--test=1", "--pictures=2", "--height=128")
        run("prepare", people, "--height=96", "--width=48")
        print("| threads | alone, pictures/s | beside one busy process | kept |\n|---|---|---|---|", flush=True)
        for name, threads in (("fixed", worker_count(0)), ("follow", 0)):
            rates = []
            for neighbours in (0, 1):
                with busy(neighbours):
                    rates.append(measure(people, Path(folder) / f"{name}-{neighbours}", threads, seconds))
            print(f"| {name} | {rates[0]:.0f} | {rates[1]:.0f} | {rates[1] / rates[0]:.0%} |", flush=True)


def measure(people: Path, out: Path, threads: int, seconds: float) -> float:
    """Train for about some seconds, and return the median of pictures a second."""
    steps = max(20, round(seconds * 4 / 10) * 10)
    length = ("--schedule.epochs=1", "--schedule.warmup-epochs=0", f"--sampling.steps-per-epoch={steps}")
    runtime = ("--runtime.log-every=5", f"--runtime.threads={threads}", "--evaluate=none")
    run("train", people, "--recipe=demo", "--out", out, *length, *runtime)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    # The first lines are of warming up, and of the seconds before another program is noticed.
    return float(statistics.median([line["pictures_per_second"] for line in lines if "losses" in line][2:]))


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep cores busy with processes that only compute."""
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def run(*arguments: str | Path) -> None:
    """Run mvd; what it prints is shown only if it fails."""
    done = subprocess.run([*MVD, *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


if __name__ == "__main__":
    main()
