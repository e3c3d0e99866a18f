"""Pictures from wherever they are, in batches: from memory, from several places, or watched.

Shapes: N pictures of H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mvd.data.images import load_image
from mvd.data.workers import worker_count

Batch = npt.NDArray[np.uint8]


class Pictures(Protocol):
    """Pictures that can be gone through in batches, from anywhere on, so that several processes can share them."""

    def __len__(self) -> int:
        """Count the pictures."""

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield pictures in order, (up to `size`, H, W, 3) uint8 each."""


@dataclass(frozen=True, eq=False)
class PictureArray:
    """Pictures in memory.

    Attributes:
        pictures: (N, H, W, 3) uint8.
    """

    pictures: Batch

    def __len__(self) -> int:
        return len(self.pictures)

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield pictures in order, (up to `size`, H, W, 3) uint8 each."""
        chosen = self.pictures[start:stop]
        for done in range(0, len(chosen), size):
            yield chosen[done : done + size]


@dataclass(frozen=True, eq=False)
class ConcatPictures:
    """Several sources of pictures of one size, one after the other.

    Attributes:
        parts: the sources.
    """

    parts: Sequence[Pictures]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield pictures in order, (up to `size`, H, W, 3) uint8 each."""
        first, end, _ = slice(start, stop).indices(len(self))
        for done in range(first, end, size):
            pieces = list(self._pieces(done, min(done + size, end)))
            yield pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _pieces(self, start: int, stop: int) -> Iterator[Batch]:
        before = 0
        for part in self.parts:
            own = range(max(start - before, 0), min(stop - before, len(part)))
            if own:
                yield from part.batches(len(own), own.start, own.stop)
            before += len(part)


@dataclass(frozen=True, eq=False)
class ProgressPictures:
    """A source that tells how far it has been gone through.

    Attributes:
        source: the pictures.
        progress: called after each batch with (pictures done, pictures to be done) of what was asked for.
    """

    source: Pictures
    progress: Callable[[int, int], None]

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield pictures in order, (up to `size`, H, W, 3) uint8 each."""
        asked = len(range(*slice(start, stop).indices(len(self))))
        done = 0
        for batch in self.source.batches(size, start, stop):
            yield batch
            done += len(batch)
            self.progress(done, asked)


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """Pictures read from their files when they are asked for, by several threads.

    Attributes:
        root: folder that `paths` are relative to.
        paths: (N,) files.
        height: H.
        width: W.
        workers: threads; 0 means one for each core.
    """

    root: Path
    paths: Sequence[str]
    height: int
    width: int
    workers: int = 0

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield pictures in order, (up to `size`, H, W, 3) uint8 each, decoding one batch ahead."""
        paths = self.paths[start:stop]

        def load(path: str) -> npt.NDArray[np.uint8]:
            return load_image(self.root / path, self.height, self.width)

        # Threads are enough: Pillow lets go of the interpreter while it decodes and resizes.
        with ThreadPoolExecutor(worker_count(self.workers)) as pool:
            ahead = [pool.submit(load, path) for path in paths[:size]]
            for done in range(0, len(paths), size):
                batch = ahead
                ahead = [pool.submit(load, path) for path in paths[done + size : done + 2 * size]]
                try:
                    yield np.stack([future.result() for future in batch])
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
