"""Prepared pictures: the training pictures, resized once, as memory-mapped arrays beside the data set.

The files bear the names that the original gives them, so either code loads what the other prepared:
`train_{rgb,ir}_resized_img.npy`, (N, H, W, 3) uint8, and `train_{rgb,ir}_resized_label.npy`, (N,) int64 class
indices 0 … in the order of ascending identity, of the train and the validation identities together. Ours come
with `train_{rgb,ir}_resized.csv`, the table of samples behind the rows; arrays without one are matched against a
scan, which has the same order.

Files appear under their names only when they are whole: each is written beside and renamed.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.data.images import load_image, worker_count
from mvd.data.samples import Dataset, Modality, Samples, concatenate, load_samples
from mvd.errors import DatasetError

Progress = Callable[[int, int], None]

_NAMES = {Modality.VISIBLE: "train_rgb_resized", Modality.INFRARED: "train_ir_resized"}


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedPictures:
    """Pictures of one modality in memory-mapped form, or a selection of them.

    Attributes:
        images: (M, H, W, 3) uint8, read-only and memory-mapped.
        rows: (N,) int64, the rows of `images` that count.
        samples: the table of those N pictures.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    samples: Samples

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    def of_people(self, identities: npt.ArrayLike) -> PreparedPictures:
        """Select the pictures of some identities."""
        kept = np.flatnonzero(np.isin(self.samples.identities, identities))
        return PreparedPictures(images=self.images, rows=self.rows[kept], samples=self.samples.take(kept))

    def read(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Copy pictures out: positions (B,) among the N → (B, H, W, 3) uint8."""
        return np.asarray(self.images[self.rows[positions]])

    def batches(self, size: int) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield the pictures in order, (up to `size`, H, W, 3) uint8 each."""
        for start in range(0, len(self), size):
            yield self.read(np.arange(start, min(start + size, len(self))))


def prepare(
    dataset: Dataset, out: Path, height: int, width: int, *, workers: int = 0, progress: Progress | None = None
) -> None:
    """Decode and resize the train and validation pictures into arrays, and read every test picture once.

    Args:
        dataset: what was scanned.
        out: folder for the arrays; the data set's root, to have them where the original looks.
        height: H, 288 in the original.
        width: W, 144 in the original.
        workers: threads; 0 means one for each core.
        progress: called with (pictures done, pictures in all).

    Raises:
        DatasetError: a picture cannot be read, also one of the test set (better now than after hours of training),
            or the arrays cannot be written.
    """
    both = _training_samples(dataset)
    total = len(both) + len(dataset.test)
    people = both.people
    with _naming_errors(out), ThreadPoolExecutor(worker_count(workers)) as pool:
        out.mkdir(parents=True, exist_ok=True)
        done = 0
        for modality, name in _NAMES.items():
            samples = both.of(modality)
            with _beside(out / f"{name}_img.npy") as part:
                images = np.lib.format.open_memmap(
                    part, mode="w+", dtype=np.uint8, shape=(len(samples), height, width, 3)
                )
                for row, picture in enumerate(_decoded(pool, dataset.root, samples, height, width)):
                    images[row] = picture
                    done += 1
                    _report(progress, done, total)
                images.flush()
                del images
            with _beside(out / f"{name}_label.npy") as part, part.open("wb") as file:
                np.save(file, np.searchsorted(people, samples.identities))
            with _beside(out / f"{name}.csv") as part:
                part.write_text(samples.to_csv(), encoding="utf-8", newline="")
        for _ in _decoded(pool, dataset.root, dataset.test, height, width):
            done += 1
            _report(progress, done, total)


def load_prepared(dataset: Dataset, folder: Path) -> tuple[PreparedPictures, PreparedPictures]:
    """Open the arrays that `prepare`, or the original's script, wrote.

    Args:
        dataset: what was scanned; supplies the table of arrays that have none beside them.
        folder: where the arrays are.

    Returns:
        The visible and the infrared pictures of the train and validation identities.

    Raises:
        DatasetError: an array is missing, damaged, or does not fit the others or the data set.
    """
    both = _training_samples(dataset)
    visible, infrared = (_load_modality(folder, name, both, modality) for modality, name in _NAMES.items())
    if visible.size != infrared.size:
        raise DatasetError(
            f"{folder}: expected visible and infrared arrays of one size, found {_pixels(visible.size)} and "
            f"{_pixels(infrared.size)}; run mvd prepare again"
        )
    return visible, infrared


def _load_modality(folder: Path, name: str, both: Samples, modality: Modality) -> PreparedPictures:
    images = _open_array(folder / f"{name}_img.npy", memory_map=True)
    labels = _open_array(folder / f"{name}_label.npy", memory_map=False)
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise DatasetError(
            f"{folder / f'{name}_img.npy'}: expected uint8 pictures (N, height, width, 3), found {images.dtype} "
            f"{images.shape}; run mvd prepare again"
        )
    if labels.shape != (len(images),):
        raise DatasetError(
            f"{folder / f'{name}_label.npy'}: expected {len(images)} labels, one for each picture in {name}_img.npy, "
            f"found {labels.shape}; run mvd prepare again"
        )
    table = folder / f"{name}.csv"
    samples = load_samples(table) if table.exists() else both.of(modality)
    if len(samples) != len(images) or not np.array_equal(np.searchsorted(both.people, samples.identities), labels):
        raise DatasetError(
            f"{folder / f'{name}_label.npy'}: expected the labels of the {len(samples)} {modality.name.lower()} "
            f"pictures of exp/train_id.txt and exp/val_id.txt, found {len(labels)} labels that differ; the data set "
            f"has changed since: run mvd prepare again"
        )
    return PreparedPictures(images=images, rows=np.arange(len(images)), samples=samples)


def _open_array(file: Path, *, memory_map: bool) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{file}: expected a prepared array, found none; run: mvd prepare {file.parent}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(
            f"{file}: expected a NumPy array, could not read it ({error}); run mvd prepare again"
        ) from error
    return array


def _training_samples(dataset: Dataset) -> Samples:
    both = concatenate([dataset.train, dataset.validation])
    # Stable: within an identity, the scan's order (camera, then name) stays.
    return both.take(np.argsort(both.identities, kind="stable"))


def _decoded(
    pool: ThreadPoolExecutor, root: Path, samples: Samples, height: int, width: int
) -> Iterator[npt.NDArray[np.uint8]]:
    def load(path: str) -> npt.NDArray[np.uint8]:
        return load_image(root / path, height, width)

    # In chunks, so that neither the queue nor finished pictures pile up in memory.
    for start in range(0, len(samples), 256):
        yield from pool.map(load, samples.paths[start : start + 256])


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes `file` if all goes well and vanishes if not."""
    part = file.with_name(f".{file.name}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _naming_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"{out}: expected a folder to write the arrays to, could not ({error.strerror or error}); "
            f"free space or choose another with --out"
        ) from error


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
