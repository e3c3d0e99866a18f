"""Kills a process that adds to a gallery and removes from it, and checks the gallery; also used by the tests.

    python benchmarks/gallery_kills.py GALLERY FIRST           the process: ten pictures in, then ten out, and so on
    python benchmarks/gallery_kills.py GALLERY FIRST BATCHES   BATCHES times ten pictures in, and none out

Shapes: N pictures.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import numpy as np

from mvd.commands.pictures.gallery import Gallery
from mvd.gallery.exact import batch_vectors
from mvd.gallery.table import load_lancedb
from mvd.inference import ModelIdentity
from mvd.results.embeddings import Embeddings

PICTURES = 10
_MODEL = ModelIdentity("drawn", hashlib.sha256(b"drawn").hexdigest(), 16, (32, 16))


def drawn(batch: int) -> Embeddings:
    """Draw the embeddings of a batch of pictures that do not exist."""
    vectors = np.random.default_rng(batch).normal(size=(PICTURES, _MODEL.width)).astype(np.float32)
    return Embeddings(
        model=_MODEL,
        paths=tuple(f"/nowhere/{batch}/{number}.jpg" for number in range(PICTURES)),
        hashes=tuple(hashlib.sha256(f"{batch} {number}".encode()).hexdigest() for number in range(PICTURES)),
        modalities=np.zeros(PICTURES, np.int64),
        modality_sources=("flag",) * PICTURES,
        modality_confidences=np.ones(PICTURES, np.float32),
        cameras=(None,) * PICTURES,
        times=np.full(PICTURES, np.datetime64("NaT"), "datetime64[us]"),
        identities=(None,) * PICTURES,
        tags=((),) * PICTURES,
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )


def work(place: str, first: int) -> None:
    """Add ten pictures; every other time remove the ten before; say so before and after."""
    load_lancedb()
    gallery = Gallery(place)
    for number in range(first, first + 100_000):
        print("adding", number, flush=True)
        gallery.add(drawn(number))
        print("added", number, flush=True)
        if number % 2:
            print("removing", number - 1, flush=True)
            gallery.remove(paths=[f"/nowhere/{number - 1}"])
            print("removed", number - 1, flush=True)


def kill_after(place: Path, first: int, seconds: float, word: str = "adding") -> list[tuple[str, int]]:
    """Start the process, kill it so many seconds after it first says a word, and return what it had said."""
    command = [sys.executable, __file__, str(place), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said: list[str] = []
        while not said or not said[-1].startswith(word):
            said.append(process.stdout.readline())
            if not said[-1]:
                break
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        said += process.stdout.readlines()
        killer.cancel()
    if process.returncode != -9:
        raise SystemExit(f"expected {' '.join(command)} to run until it was killed, it ended with {process.returncode}")
    lines = [line.split() for line in said if line.endswith("\n")]
    return [(word, int(number)) for word, number in lines]


def faults(place: Path, said: list[tuple[str, int]]) -> list[str]:
    """Check that each batch is wholly in or wholly out, as the process had said; return what is wrong."""
    state: dict[int, str] = {}
    for word, number in said:
        state[number] = word
    gallery = Gallery(place)
    if not gallery.exists:
        return [f"{word} {number}: lost" for number, word in state.items() if word != "adding"]
    found = []
    gallery.search(drawn(0).take([0]))  # which finishes a removal that was begun
    rows = gallery.table.read(["path", "vector"])
    vectors = batch_vectors(rows, _MODEL.width)
    present: dict[int, dict[str, bytes]] = defaultdict(dict)
    for path, vector in zip(rows.column("path").to_pylist(), vectors, strict=True):
        present[int(path.split("/")[2])][path] = vector.tobytes()
    content = b"".join(file.read_bytes() for file in place.rglob("*") if file.is_file())
    for number, word in state.items():
        batch = drawn(number)
        whole = dict(zip(batch.paths, (vector.tobytes() for vector in batch.vectors), strict=True))
        there = present.get(number, {})
        if there not in (whole, {}):
            found.append(f"{word} {number}: {len(there)} of {PICTURES} pictures, or other embeddings")
        if word == "added" and there != whole:
            found.append(f"added {number}: lost")
        if word == "removed" and there:
            found.append(f"removed {number}: still there")
        if not there and word in ("removing", "removed") and any(one in content for one in whole.values()):
            found.append(f"{word} {number}: bytes are left")
    if (broken := gallery.audit().broken) is not None:
        found.append(f"line {broken} of the log is broken")
    return found


def grow(place: str, first: int, batches: int) -> None:
    """Add pictures, ten at a time."""
    for number in range(first, first + batches):
        Gallery(place).add(drawn(number))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(sys.argv[1], int(sys.argv[2]))
    else:
        grow(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
