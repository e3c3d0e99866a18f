"""Pictures in batches, from files, from memory, or from several sources.

Shapes: N pictures of H × W pixels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mvd.data.images import load_image
from mvd.data.progress import Progress
from mvd.data.samples import Dataset, Samples
from mvd.data.workers import map_batches

Batch = npt.NDArray[np.uint8]


class Pictures(Protocol):
    """N pictures of one size, read in order from any position, so that several processes can share them."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of pictures."""

    @abstractmethod
    def read_range(self, start: int, stop: int) -> Batch:
        """Read the pictures from `start` up to `stop`: (stop - start, H, W, 3) uint8."""

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield the pictures from `start` up to `stop` in order: (up to `size`, H, W, 3) uint8 each."""
        first, end, _ = slice(start, stop).indices(len(self))
        for done in range(first, end, size):
            yield self.read_range(done, min(done + size, end))


@dataclass(frozen=True, eq=False)
class PictureArray(Pictures):
    """Pictures in memory.

    Attributes:
        pictures: (N, H, W, 3) uint8.
    """

    pictures: Batch

    def __len__(self) -> int:
        return len(self.pictures)

    def read_range(self, start: int, stop: int) -> Batch:
        """Return a view of the pictures."""
        return self.pictures[start:stop]


@dataclass(frozen=True, eq=False)
class ConcatPictures(Pictures):
    """Concatenated pictures of several sources with the same size.

    Attributes:
        parts: the sources.
    """

    parts: Sequence[Pictures]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def read_range(self, start: int, stop: int) -> Batch:
        """Read the pictures from each source in the range."""
        pieces, before = [], 0
        for part in self.parts:
            own = range(max(start - before, 0), min(stop - before, len(part)))
            if own:
                pieces.append(part.read_range(own.start, own.stop))
            before += len(part)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


@dataclass(frozen=True, eq=False)
class ProgressPictures(Pictures):
    """Pictures of another source, with a progress callback.

    Attributes:
        source: the pictures.
        progress: called after each batch with (pictures done, total pictures) of the range.
    """

    source: Pictures
    progress: Progress

    def __len__(self) -> int:
        return len(self.source)

    def read_range(self, start: int, stop: int) -> Batch:
        """Read the pictures from the source, without progress."""
        return self.source.read_range(start, stop)

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield the source's batches and report each."""
        total = len(range(*slice(start, stop).indices(len(self))))
        done = 0
        for batch in self.source.batches(size, start, stop):
            yield batch
            done += len(batch)
            self.progress(done, total)


@dataclass(frozen=True, kw_only=True)
class PictureFiles(Pictures):
    """Pictures decoded from their files by several workers when they are read.

    Attributes:
        root: folder to which `paths` are relative.
        paths: (N,) files.
        height: H.
        width: W.
        workers: number of workers; 0 means one per core.
        upright: whether to rotate pictures by their EXIF orientation (`Dataset.upright`).
    """

    root: Path
    paths: Sequence[str]
    height: int
    width: int
    workers: int = 0
    upright: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def read_range(self, start: int, stop: int) -> Batch:
        """Decode some files."""
        return next(self.batches(stop - start, start, stop))

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Yield the pictures in order, decoding a few ahead."""
        load = partial(_load, self.root, self.height, self.width, self.upright)
        # Threads suffice for few workers: Pillow releases the interpreter lock while it decodes and resizes.
        with closing(map_batches(load, self.paths[start:stop], size, self.workers)) as loaded:
            for pictures in loaded:
                yield np.stack(pictures)


def _load(root: Path, height: int, width: int, upright: bool, path: str) -> Batch:
    return load_image(root / path, height, width, upright=upright)


def table_pictures(
    dataset: Dataset, samples: Samples, size: tuple[int, int], *, workers: int, progress: Progress | None = None
) -> Pictures:
    """Return the pictures of a table of a data set in order, resized to (H, W), optionally with progress."""
    height, width = size
    files = PictureFiles(
        root=dataset.root,
        paths=samples.paths.tolist(),
        height=height,
        width=width,
        workers=workers,
        upright=dataset.upright,
    )
    return files if progress is None else ProgressPictures(files, progress)
