"""Measures galleries of 10,000 to 1,000,000 pictures: building, search, addition; and kills at random moments.

    python benchmarks/gallery.py --sizes 10000 100000 1000000
    python benchmarks/gallery.py --kills 20

Embeddings have width 512 and are synthetic: each person has a centre, a random point of 64 dimensions that is projected
to 512 by a random matrix; each picture adds a shift of its camera, of a third of the centre's length, and noise of 0.6
of its length in all 512 dimensions, and is scaled to length 1. A person has 20 pictures by 8 cameras. So two pictures
of one person have similarities of about 0.7, pictures of two people 0 ± 0.1, and a query, a picture that is not in the
gallery, has 20 near rows. Thumbnails are 2 KB of random bytes. Times are those of `Gallery.search`, including its line
in the log, in a process that has searched before; CPU time is that of all threads per search. Memory is the peak of the
process.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gallery_kills import faults, kill_after

from mvd.commands.pictures.gallery import Gallery
from mvd.data.samples import Modality
from mvd.gallery.columns import Settings, to_rows
from mvd.gallery.exact import EXACT_ROWS, read_vectors
from mvd.gallery.filters import Filter, parse_time
from mvd.gallery.index import build_index, index_is_due, index_state
from mvd.gallery.place import Place
from mvd.gallery.table import PictureTable
from mvd.inference import ModelIdentity
from mvd.metrics.calibration import Calibration
from mvd.results.embeddings import Embeddings
from mvd.runs import RunData

WIDTH, LATENT, CAMERAS, PICTURES = 512, 64, 8, 20
CHUNK = 10_000
QUERIES = 200
MODEL = ModelIdentity("drawn", hashlib.sha256(b"drawn").hexdigest(), WIDTH, (288, 144))
START = np.datetime64("2024-05-01T00:00", "us")
FILTERS = {
    "": Filter(),
    "one modality of two": Filter(modality=Modality.INFRARED),
    "one camera of eight": Filter(cameras=("camera 3",)),
    "one camera, a hundredth of the time": Filter(
        cameras=("camera 3",), since=parse_time("2024-05-01T10:00"), until=parse_time("2024-05-01T12:24")
    ),
}


class NoModel:
    """Stands for the gallery's model, which searches by embeddings only ask for its calibration."""

    identity = MODEL
    size = MODEL.size
    width = WIDTH
    calibration: Calibration | None = None
    trained_on: RunData | None = None

    def __call__(self, pictures: object, modalities: object = None) -> npt.NDArray[np.float32]:
        """Refuse: there are no pictures here."""
        raise AssertionError(pictures, modalities)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 30_000, 100_000])
    parser.add_argument("--exact-rows", type=int, help="rows up to which search is exact; by default the gallery's")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument(
        "--keep",
        type=Path,
        help="a folder for the galleries, which are deleted otherwise; one that is there is searched again",
    )
    given = parser.parse_args()
    with nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory(prefix="mvd-gallery-") as name:
        folder = Path(name)
        folder.mkdir(exist_ok=True)
        if given.kills:
            return kill(folder, given.kills, random.Random(given.seed))
        print(
            "| pictures | added, s | indexed, s | filter | method | p50, ms | p95, ms | recall@10 | peak memory, GB |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for size in given.sizes:
            measure(folder / str(size), size, given.exact_rows)
            if not given.keep:
                shutil.rmtree(folder / str(size))
    return 0


def measure(folder: Path, size: int, exact_rows: int | None) -> None:
    """Build a gallery, if it is not there, search it and add to it."""
    began = time.monotonic()
    if not folder.exists():
        folder.mkdir(parents=True)
        table = PictureTable.create(Place.of(folder), Settings(model=MODEL, source="drawn"))
        for chunk in chunks(size):
            insert(table, chunk)
    added = time.monotonic() - began
    exact_rows = EXACT_ROWS if exact_rows is None else exact_rows
    gallery = Gallery(folder, exact_rows=exact_rows)
    gallery._model = NoModel()
    began = time.monotonic()
    if index_is_due(gallery.table, rows=size, exact_rows=exact_rows):
        build_index(gallery.table)
    indexed = time.monotonic() - began
    queries = draw(size, QUERIES, seed=1_000_000_007)
    for name, only in FILTERS.items():
        exact = nearest(gallery, queries.vectors, only)
        seconds, found, method = [], 0, ""
        gallery.search(queries.take([0]), only=only, group_seconds=0)
        busy = time.process_time()
        for at in range(QUERIES):
            query = queries.take([at])
            start = time.perf_counter()
            answer = gallery.search(query, only=only, group_seconds=0)
            seconds.append(time.perf_counter() - start)
            found += len({hit.entry.row for hit in answer.hits} & exact[at])
            method = answer.method
        busy = 1000 * (time.process_time() - busy) / QUERIES
        recall = found / max(1, sum(map(len, exact)))
        p50, p95 = (1000 * np.quantile(seconds, share) for share in (0.5, 0.95))
        state = index_state(gallery.table)
        first = f"{size:,} | {added:.0f} | {f'{indexed:.0f}' if state else ''}" if not name else " | | "
        print(
            f"| {first} | {name} | {method} | {p50:.1f} | {p95:.1f} | {busy:.1f} | {recall:.3f} | {memory():.2f} |",
            flush=True,
        )
    began = time.monotonic()
    insert(gallery.table, draw(size, 1000, seed=99))
    gallery._index()
    once = time.monotonic() - began
    gallery.search(queries.take([0]), group_seconds=0)
    seconds = []
    for at in range(50):
        start = time.perf_counter()
        gallery.search(queries.take([at]), group_seconds=0)
        seconds.append(time.perf_counter() - start)
    used = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(
        f"\n{size:,}: 1,000 more added in {once:.2f} s, then p50 {1000 * np.median(seconds):.1f} ms; "
        f"{used / 1e9:.2f} GB on the disk\n",
        flush=True,
    )


def insert(table: PictureTable, rows: Embeddings) -> None:
    """Add embeddings with thumbnails of random bytes."""
    noise = np.random.default_rng(0).integers(0, 256, (len(rows), 2048), np.uint8)
    with table.place.held():
        table.refresh()
        table.insert(to_rows(rows, [one.tobytes() for one in noise], table.schema()))


def nearest(gallery: Gallery, queries: npt.NDArray[np.float32], only: Filter) -> list[set[str]]:
    """Find the names of the ten nearest rows of each query by a product with all embeddings."""
    best = np.full((len(queries), 10), -np.inf, np.float32)
    ids = np.zeros((len(queries), 10), np.uint64)
    for some, vectors in read_vectors(gallery.table, only.condition()):
        products = np.concatenate([best, queries @ vectors.T], axis=1)
        names = np.concatenate([ids, np.broadcast_to(some, (len(queries), len(some)))], axis=1)
        chosen = np.argpartition(-products, 9, axis=1)[:, :10]
        best, ids = (np.take_along_axis(one, chosen, axis=1) for one in (products, names))
    rows = [one[np.isfinite(values)] for one, values in zip(ids, best, strict=True)]
    return [set(gallery.table.take(one, ["row"]).column("row").to_pylist()) for one in rows]


def chunks(size: int) -> Iterator[Embeddings]:
    """Draw the pictures of a gallery, some at a time."""
    for start in range(0, size, CHUNK):
        yield draw(size, min(CHUNK, size - start), seed=start)


def draw(size: int, count: int, *, seed: int) -> Embeddings:
    """Draw pictures of the people of a gallery, as the head of this file says."""
    rng = np.random.default_rng(seed)
    people = rng.integers(0, max(1, size // PICTURES), count)
    cameras = rng.integers(0, CAMERAS, count)
    turned = np.random.default_rng(1).normal(size=(LATENT, WIDTH)).astype(np.float32)
    shifts = np.random.default_rng(2).normal(size=(CAMERAS, WIDTH)).astype(np.float32)
    centres = np.stack([np.random.default_rng([3, one]).normal(size=LATENT) for one in people]).astype(np.float32)
    vectors = unit(centres @ turned)
    vectors += unit(shifts)[cameras] / 3 + 0.6 * unit(rng.normal(size=(count, WIDTH)).astype(np.float32))
    return Embeddings(
        model=MODEL,
        paths=tuple(f"/people/{seed}/{at}.jpg" for at in range(count)),
        hashes=tuple(hashlib.sha256(f"{seed} {at}".encode()).hexdigest() for at in range(count)),
        modalities=(cameras % 2).astype(np.int64),
        modality_sources=("flag",) * count,
        modality_confidences=np.ones(count, np.float32),
        cameras=tuple(f"camera {one}" for one in cameras),
        times=START + (rng.random(count) * 10 * 86_400e6).astype("timedelta64[us]"),
        identities=(None,) * count,
        tags=((),) * count,
        vectors=unit(vectors),
    )


def unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale rows to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def memory() -> float:
    """Return the largest memory that this process has used, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def kill(folder: Path, kills: int, rng: random.Random) -> int:
    """Kill a process that adds and removes at random moments, and check each time what is left."""
    place, failed, first = folder / "killed", False, 0
    within: Counter[str] = Counter()
    said: list[tuple[str, int]] = []
    for _ in range(kills):
        now = kill_after(place, first, rng.uniform(0, 2))
        said += now
        within[now[-1][0]] += 1
        problems = faults(place, said)
        failed |= bool(problems)
        print(f"killed {' '.join(map(str, now[-1]))}: {'; '.join(problems) or 'whole'}", flush=True)
        first = max(number for _, number in said) + 1
        first += first % 2
    words = {"adding": "within an add", "removing": "within a removal", "added": "between", "removed": "between"}
    places: Counter[str] = Counter()
    for word, times in within.items():
        places[words[word]] += times
    print(f"\n{kills} kills: " + ", ".join(f"{times} {where}" for where, times in places.most_common()))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
