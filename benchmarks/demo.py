"""Runs the demo with several seeds and prints the gain of each.

Usage: python benchmarks/demo.py [SEED ...]

A seed determines the people, the initial weights and the training. The table is Markdown, for BENCHMARKS.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from mvd.cli.screen import Bars
from mvd.commands.training.demo import demo


def main(seeds: list[int]) -> None:
    """Run the demo for each seed in a folder that is removed afterwards."""
    console = Console(stderr=True)
    print("| seed | minutes | search | untrained rank-1 / mAP | trained rank-1 / mAP | rank-1 gained |")
    print("|---|---|---|---|---|---|", flush=True)
    for seed in seeds:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcome = demo(Path(folder) / "demo", seed, screens=Bars(console))
        if outcome is None:
            return
        minutes = (time.monotonic() - start) / 60
        for before, after in zip(outcome.untrained, outcome.trained, strict=True):
            old, new = before.mean, after.mean
            print(
                f"| {seed} | {minutes:.1f} | {after.protocol.split('/')[1]} "
                f"| {old.rank_1:.1%} / {old.mAP:.1%} | {new.rank_1:.1%} / {new.mAP:.1%} "
                f"| {100 * (new.rank_1 - old.rank_1):.1f} points |",
                flush=True,
            )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [0, 1, 2, 3, 4])
