"""Kills training runs at random moments, resumes them, and compares them with an uninterrupted run.

    python benchmarks/survival.py [--kills 24] [--seed 0] [--keep FOLDER]
    python benchmarks/survival.py --cost

A tiny network is trained by `mvd train`, each time in a new process, with a checkpoint after every step or every half
second. The process is killed by SIGKILL at a random moment between its start and its expected end; every third time,
while the next checkpoint is being written. Then `mvd train --resume` continues, or the same command again if there was
no run folder yet, until it is killed again; after four kills a run may finish. Then its weights, optimizer, best
weights and log, except pictures per second, must equal those of the uninterrupted run bit for bit; and those of a run
with another seed must differ, since otherwise the comparison would be meaningless. The exit code is 1 if any check
fails.

The moment of a kill is inferred from the remaining files, so "between checkpoints" includes the start of a process,
which takes most of its time here. A run that ended before its kill is not counted. `--cost` instead measures the time
of a checkpoint of the default recipe: ResNet-50, 395 people, Adam, about 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvd.commands.data.prepare import prepare
from mvd.config.recipes import RECIPES
from mvd.errors import MvdError
from mvd.runs import CheckpointMeta, RunData, RunFolder, create_run, load_checkpoint, open_run
from mvd.runs.checkpoints import checksum
from mvd.synthetic import SyntheticConfig, even_plan, write_dataset

STEPS = 40
KILLS_A_RUN = 4
SETTINGS = (
    "--data.height=64",
    "--data.width=32",
    "--sampling.identities=4",
    "--sampling.pictures=2",
    "--sampling.steps-per-epoch=8",
    "--augment.pad=2",
    "--model.arch=resnet18",
    "--model.base-width=16",
    "--model.bottleneck-widths",
    "32",
    "32",
    "--model.z-dim=32",
    "--model.classifier-width=32",
    "--schedule.epochs=5",
    "--runtime.validate-every=1",
    "--runtime.log-every=3",
    "--runtime.device=cpu",
    "--evaluate=none",
)
EVERY_STEP, NOW_AND_THEN = "--runtime.checkpoint-minutes=0", "--runtime.checkpoint-minutes=0.008"


class Pace(NamedTuple):
    """How long the run that was never stopped took, in seconds: until its folder was there, and in all."""

    start: float
    whole: float


def main() -> int:
    """Kill, go on, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--keep", type=Path, help="a new folder for the runs, which are deleted otherwise")
    parser.add_argument("--cost", action="store_true")
    given = parser.parse_args()
    with nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory(prefix="mvd-survival-") as folder:
        if given.cost:
            return cost(Path(folder))
        return survive(Path(folder), given.kills, random.Random(given.seed))


def survive(folder: Path, kills: int, rng: random.Random) -> int:
    """Kill runs until there have been enough kills."""
    data = folder / "people"
    write_dataset(data, SyntheticConfig(plan=even_plan(train=6, validation=4, test=2, pictures=2), height=64))
    prepare(data, height=64, width=32)
    whole, other = folder / "whole", folder / "other"
    pace = time_whole(begin(data, whole, EVERY_STEP), whole)
    subprocess.run(begin(data, other, EVERY_STEP, "--seed=1"), check=True, stdout=subprocess.DEVNULL)
    expected = content(whole)
    different = [part for part in expected if content(other)[part] != expected[part]]
    print(f"Never stopped: {STEPS} steps in {pace.whole:.1f} s. With another seed differ: {', '.join(different)}.\n")
    print("| run | killed | then equal |")
    print("|---|---|---|")
    fell: Counter[str] = Counter()
    failed = len(different) < len(expected)
    for number in count():
        if fell.total() >= kills:
            break
        run = folder / f"run-{number}"
        command = begin(data, run, (EVERY_STEP, NOW_AND_THEN)[number % 2])
        places = list(kill_until_it_ends(command, run, pace, rng, min(KILLS_A_RUN, kills - fell.total())))
        fell.update(place for _, place in places)
        unequal = [part for part, found in content(run).items() if found != expected[part]]
        failed |= bool(unequal)
        told = "; ".join(f"{place} (step {step})" for step, place in places)
        print(
            f"| {number} | {told or 'had ended before'} | {'NOT: ' + ', '.join(unequal) if unequal else 'all'} |",
            flush=True,
        )
    print(f"\n{fell.total()} kills: " + ", ".join(f"{times} {place}" for place, times in fell.most_common()) + ".")
    return int(failed)


def begin(data: Path, run: Path, *settings: str) -> list[str]:
    """Give the command that begins a run."""
    return [str(Path(sys.executable).with_name("mvd")), "train", str(data), "--out", str(run), *SETTINGS, *settings]


def time_whole(command: list[str], run: Path) -> Pace:
    """Train without a kill."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not (run / "config.json").exists() and process.poll() is None:
            time.sleep(0.01)
        start = time.monotonic() - began
        if process.wait():
            raise SystemExit("expected the run to reach its end, found that it did not")
    return Pace(start, time.monotonic() - began)


def kill_until_it_ends(
    command: list[str], run: Path, pace: Pace, rng: random.Random, most: int
) -> Iterator[tuple[int, str]]:
    """Kill a run, go on with it, and so on; yield the step of its last checkpoint, and where each kill fell."""
    kills = 0
    while True:
        left = 1 - step_of(run) / STEPS
        moment = rng.uniform(0, pace.start + (pace.whole - pace.start) * left)
        aimed = rng.random() < 1 / 3
        killed = run_and_kill(command, run, moment if kills < most else None, aimed=aimed, delay=rng.uniform(0, 0.03))
        if not killed:
            return
        kills += 1
        yield step_of(run), place_of(run)
        if (run / "config.json").exists():
            command = [command[0], "train", "--resume", str(run), "--evaluate=none"]


def run_and_kill(command: list[str], run: Path, moment: float | None, *, aimed: bool, delay: float) -> bool:
    """Start a command and kill it after so many seconds; True unless it had reached its end by then.

    Aimed, the kill waits for the next checkpoint to be begun, and then for the delay.
    """
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        if moment is not None:
            end = began + moment
            wait_for(process, lambda: time.monotonic() >= end)
            if aimed:
                wait_for(process, (run / "checkpoints" / "last.part").exists)
                time.sleep(delay)
            process.kill()
        _, errors = process.communicate()
    if process.returncode not in (0, -9):
        raise SystemExit(f"{' '.join(command)}\n{errors}")
    return process.returncode == -9


def wait_for(process: subprocess.Popen[str], ripe: Callable[[], bool]) -> None:
    """Wait until something is so, or the process has ended."""
    while not ripe() and process.poll() is None:
        time.sleep(0.0005)


def step_of(run: Path) -> int:
    """Tell the step of a run's last checkpoint; 0 if there is none."""
    try:
        return load_checkpoint(RunFolder(run).checkpoint("last"))[1].step
    except MvdError:
        return 0


def place_of(run: Path) -> str:
    """Tell from what is left behind where a kill fell."""
    names = {file.name for file in (run / "checkpoints").glob("*")}
    if not (run / "config.json").exists():
        return "before there was a run folder"
    if not names:
        return "before the first checkpoint was begun"
    for part, place in (("best.part", "within the best checkpoint"), ("last.part", "within the last checkpoint")):
        if part in names:
            return place
    return "between checkpoints"


def content(run: Path) -> dict[str, object]:
    """Give all that a run ends with, part by part."""
    folder = open_run(run)
    last, meta = load_checkpoint(folder.checkpoint("last"))
    best, best_meta = load_checkpoint(folder.checkpoint("best"))
    lines = [{**record, "pictures_per_second": None} for record in folder.metrics()]
    return {
        "weights": {name: values.tobytes() for name, values in last.items() if not name.startswith("optimizer/")},
        "optimiser": {name: values.tobytes() for name, values in last.items() if name.startswith("optimizer/")},
        "best weights": {name: values.tobytes() for name, values in best.items()},
        "figures": (meta, best_meta) if meta.best is not None else None,
        "log": [json.dumps(line) for line in lines],
    }


def cost(folder: Path) -> int:
    """Measure what a checkpoint of the default recipe takes; the least of five."""
    import torch

    from mvd.models.state import initial_network, network_tensors

    config = RECIPES["mvd"]
    network = initial_network(config, 395, torch.device("cpu"))
    tensors = network_tensors(network)
    rng = np.random.default_rng(0)
    for name, parameter in network.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"optimizer/{name}/{moment}"] = rng.standard_normal(tuple(parameter.shape), dtype=np.float32)
    data = RunData(root="", prepared="", dataset="sysu", identities=tuple(range(395)))
    run = create_run(folder / "run", config, data, replace=False)
    file = run.checkpoint("last")
    meta = CheckpointMeta(step=1, epoch=0, metrics={}, best=None)
    run.save_checkpoint("last", tensors, meta)
    buffer = np.fromfile(file, dtype=np.uint8)
    works: dict[str, Callable[[], object]] = {
        "checksum alone": lambda: checksum(tensors, {}),
        "the same bytes written and flushed, nothing else": lambda: write_and_flush(buffer, folder / "bytes"),
        "a checkpoint: checksum, written, flushed, renamed": lambda: run.save_checkpoint("last", tensors, meta),
        "read and verified": lambda: load_checkpoint(file),
    }
    best = {name: float("inf") for name in works}
    for _ in range(5):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - began)
    print(f"{file.stat().st_size / 1e6:.0f} MB\n\n| | seconds |\n|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds:.2f} |")
    return 0


def write_and_flush(values: np.ndarray[tuple[int], np.dtype[np.uint8]], file: Path) -> None:
    """Write bytes to the disk and wait until they are there."""
    with file.open("wb") as handle:
        handle.write(values.data)
        os.fsync(handle.fileno())


if __name__ == "__main__":
    sys.exit(main())
