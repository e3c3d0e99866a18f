"""Measures the speed of preparing pictures, compared with a simple loop.

    python benchmarks/prepare.py [--people 100] [--rounds 3] [--sizes 288x144 384x192] [--data DATA]

People are rendered, unless a data set is given (`--data`). Each row of the table is measured in its own process; rows
alternate, and the fastest round counts. The time is from the call to the final arrays on the disk, including the start
of workers, whereas the loop only fills memory. Pictures per second counts training pictures; the test pictures are read
in the same time. Memory is the peak resident memory of all processes (RSS, from /proc, so Linux only; shared memory
counts for each), including interpreter and packages. Grey levels are of 255, over all values of all pictures. The fast
decoder needs the extra `mvd[fast]`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.data.layouts import scan
from mvd.data.prepared.arrays import array_files, training_samples
from mvd.data.prepared.decoders import Decoder
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Modality
from mvd.data.workers import worker_count
from mvd.synthetic import SyntheticConfig, even_plan, write_dataset

Size = tuple[int, int]
Way = Callable[[Path, Path, Size], float]


class Measured(NamedTuple):
    """What preparing took: seconds, and the most bytes that were resident."""

    seconds: float
    peak: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", nargs="+", default=["288x144", "384x192"])
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    print("| size | way | pictures/s | ratio | peak, MB | grey levels from the loop's: mean, most |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="mvd-prepare-") as folder:
        data = given.data or render(Path(folder) / "people", given.people)
        for size in given.sizes:
            height, width = map(int, size.split("x"))
            compare(data, Path(folder) / size, (height, width), given.rounds)


def render(data: Path, people: int) -> Path:
    """Render people, nearly all of them to train on."""
    plan = even_plan(train=people - 2, validation=1, test=1, pictures=8)
    return write_dataset(data, SyntheticConfig(plan=plan), workers=worker_count(0))


def compare(data: Path, out: Path, size: Size, rounds: int) -> None:
    """Measure all ways in turns, and print a line for each."""
    ways: dict[str, Way] = {
        "plain loop": plain_loop,
        "pillow, 1 worker": partial(ours, decoder="pillow", workers=1),
        "pillow, 2 workers": partial(ours, decoder="pillow", workers=2),
        "fast, 1 worker": partial(ours, decoder="fast", workers=1),
        "fast, 2 workers": partial(ours, decoder="fast", workers=2),
    }
    best: dict[str, Measured] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            measured = measure(way, data, out / name, size)
            seconds = min(measured.seconds, best.get(name, measured).seconds)
            best[name] = Measured(seconds, max(measured.peak, best.get(name, measured).peak))
    pictures = len(training_samples(scan(data)))
    for name, (seconds, peak) in best.items():
        mean, most = grey_levels(out / name, out / "plain loop")
        ratio = best["plain loop"].seconds / seconds
        print(
            f"| {size[0]}×{size[1]} | {name} | {pictures / seconds:.0f} | {ratio:.2f} | {peak / 1e6:.0f} "
            f"| {mean:.3f}, {most} |",
            flush=True,
        )


def measure(way: Way, data: Path, out: Path, size: Size) -> Measured:
    """Prepare once, in a process of its own, so that no memory counts that somebody else has left behind."""
    out.mkdir(parents=True, exist_ok=True)
    peak = 0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        preparing = pool.submit(way, data, out, size)
        while not preparing.done():
            peak = max(peak, sum(resident(process) for process in descendants(os.getpid())))
            time.sleep(0.02)
        return Measured(preparing.result(), peak)


def descendants(process: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that they have."""
    for file in Path(f"/proc/{process}/task").glob("*/children"):
        for child in read(file).split():
            yield int(child)
            yield from descendants(int(child))


def resident(process: int) -> int:
    """Tell how many bytes of a process are resident."""
    numbers = read(Path(f"/proc/{process}/statm")).split()
    return int(numbers[1]) * os.sysconf("SC_PAGESIZE") if numbers else 0


def read(file: Path) -> str:
    """Read a file of /proc; nothing, if its process has ended."""
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""


def plain_loop(data: Path, out: Path, size: Size) -> float:
    """Time a loop over the pictures into an array in memory; it is saved for the comparison when time has stopped."""
    dataset = scan(data)
    both, seconds = training_samples(dataset), 0.0
    for modality in Modality:
        files = [dataset.root / path for path in both.of(modality).paths.tolist()]
        start = time.perf_counter()
        images = np.empty((len(files), *size, 3), dtype=np.uint8)
        for row, file in enumerate(files):
            picture = Image.open(file).convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS)
            images[row] = np.asarray(picture)
        seconds += time.perf_counter() - start
        np.save(array_files(out, modality).images, images)
    return seconds


def ours(data: Path, out: Path, size: Size, *, decoder: Decoder, workers: int) -> float:
    """Time what `mvd prepare` does after its scan."""
    dataset = scan(data)
    start = time.perf_counter()
    prepare_arrays(dataset, out, *size, decoder=decoder, workers=workers)
    return time.perf_counter() - start


def grey_levels(one: Path, other: Path) -> tuple[float, int]:
    """Compare arrays: the mean and the largest difference."""
    total, count, most = 0, 0, 0
    for modality in Modality:
        ours, theirs = (load(folder, modality) for folder in (one, other))
        for start in range(0, len(ours), 256):
            levels = np.abs(ours[start : start + 256].astype(np.int16) - theirs[start : start + 256])
            total, count, most = total + int(levels.sum()), count + levels.size, max(most, int(levels.max()))
    return total / count, most


def load(folder: Path, modality: Modality) -> npt.NDArray[np.uint8]:
    """Open an array of pictures."""
    return cast(npt.NDArray[np.uint8], np.load(array_files(folder, modality).images, mmap_mode="r"))


if __name__ == "__main__":
    main()
