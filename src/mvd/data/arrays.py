"""Prepared pictures: the training pictures, resized once, as memory-mapped arrays beside the data set.

The files bear the names that the original gives them, so either code loads what the other prepared:
`train_{rgb,ir}_resized_img.npy`, (N, H, W, 3) uint8, and `train_{rgb,ir}_resized_label.npy`, (N,) int64 class
indices 0 … in the order of ascending identity, of the train and the validation identities together; labels of any
integer type are read. Ours (`mvd.data.prepare`) come with `train_{rgb,ir}_resized.csv`, the table of samples behind
the rows, which must be the data set's, path by path. Arrays without one are taken to have the order of the scan, and
their labels must fit it.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.data.samples import Dataset, Modality, Samples, concatenate, load_samples
from mvd.errors import DatasetError

Progress = Callable[[int, int], None]

_NAMES = {Modality.VISIBLE: "train_rgb_resized", Modality.INFRARED: "train_ir_resized"}


@dataclass(frozen=True, kw_only=True)
class ArrayFiles:
    """The files of one modality: `images` and `labels`, which are arrays, and `table`, a CSV file."""

    images: Path
    labels: Path
    table: Path


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
        """Copy pictures out: positions (B,) among the N → (B, H, W, 3) uint8.

        Raises:
            DatasetError: their file has become shorter since it was opened.
        """
        _require_whole(self.images)
        return np.asarray(self.images[self.rows[positions]])

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield pictures in order, (up to `size`, H, W, 3) uint8 each."""
        positions = np.arange(len(self))[start:stop]
        for done in range(0, len(positions), size):
            yield self.read(positions[done : done + size])


def default_folder(dataset: Dataset) -> Path:
    """Give the folder where prepared arrays belong: the data set's own, or one in it for each split of RegDB."""
    return dataset.root if dataset.trial is None else dataset.root / f"trial-{dataset.trial}"


def array_files(folder: Path, modality: Modality) -> ArrayFiles:
    """Name the files of a modality."""
    name = _NAMES[modality]
    return ArrayFiles(
        images=folder / f"{name}_img.npy", labels=folder / f"{name}_label.npy", table=folder / f"{name}.csv"
    )


def training_samples(dataset: Dataset) -> Samples:
    """List the pictures that are prepared, in the order of their rows: train and validation, by identity."""
    both = concatenate([dataset.train, dataset.validation])
    # Stable: within an identity, the scan's order stays.
    return both.take(np.argsort(both.identities, kind="stable"))


def load_prepared(dataset: Dataset, folder: Path) -> tuple[PreparedPictures, PreparedPictures]:
    """Open the arrays that `mvd.data.prepare`, or the original's script, wrote.

    Args:
        dataset: what was scanned; supplies the table of arrays that have none beside them.
        folder: where the arrays are.

    Returns:
        The visible and the infrared pictures of the train and validation identities.

    Raises:
        DatasetError: an array is missing, damaged, or does not fit the others; or the arrays are of other pictures or
            people than the data set's.
    """
    both = training_samples(dataset)
    remedy = f"run: mvd prepare {dataset.root}{_flags(dataset, folder)}"
    visible, infrared = (
        _load_modality(array_files(folder, modality), both.of(modality), both.people, dataset.people_lists, remedy)
        for modality in Modality
    )
    if visible.size != infrared.size:
        raise DatasetError(
            f"{folder}: expected visible and infrared arrays of one size, found {_pixels(visible.size)} and "
            f"{_pixels(infrared.size)}; {remedy}"
        )
    return visible, infrared


def _load_modality(
    files: ArrayFiles, samples: Samples, people: npt.NDArray[np.int64], people_lists: str, remedy: str
) -> PreparedPictures:
    images = _open_array(files.images, remedy, memory_map=True)
    labels = _open_array(files.labels, remedy, memory_map=False)
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise DatasetError(
            f"{files.images}: expected uint8 pictures (N, height, width, 3), found {images.dtype} {images.shape}; "
            f"{remedy}"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise DatasetError(
            f"{files.labels}: expected {len(images)} integer labels, one for each picture in {files.images.name}, "
            f"found {labels.dtype} {labels.shape}; {remedy}"
        )
    if files.table.exists():
        _require_same_pictures(files.table, samples, people_lists, remedy)
    if not np.array_equal(np.searchsorted(people, samples.identities), labels):
        raise DatasetError(
            f"{files.labels}: expected the labels of the {len(samples)} pictures of the people in {people_lists}, "
            f"found {len(labels)} that differ: the data set has changed since, or this is another split of it; {remedy}"
        )
    return PreparedPictures(images=images, rows=np.arange(len(images)), samples=samples)


def _require_same_pictures(table: Path, samples: Samples, people_lists: str, remedy: str) -> None:
    found = load_samples(table)
    if np.array_equal(found.paths, samples.paths) and np.array_equal(found.identities, samples.identities):
        return
    pairs = zip(found.paths.tolist(), samples.paths.tolist(), strict=False)
    first = next((f"{one} where {other} is now" for one, other in pairs if one != other), f"{len(found)} pictures")
    raise DatasetError(
        f"{table}: expected the {len(samples)} pictures of the people in {people_lists}, found others ({first}): the "
        f"data set has changed since, or this is another split of it; {remedy}"
    )


def _require_whole(images: npt.NDArray[np.uint8]) -> None:
    """Look whether all of a mapped file is still there: whoever reads past its end is killed without a word (SIGBUS).

    A file that shrinks in the moment after this, or a disk that fails, still does that.
    """
    if not isinstance(images, np.memmap) or not isinstance(images.base, mmap):
        return
    expected = len(images.base)
    try:
        found = images.base.size()
    except OSError:
        found = 0
    if found < expected:
        raise DatasetError(
            f"{images.filename}: expected the {expected} bytes that were there when it was opened, found {found}: "
            f"somebody changes it while it is used; put it back or prepare it again"
        )


def _open_array(file: Path, remedy: str, *, memory_map: bool) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{file}: expected a prepared array, found none; {remedy}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{file}: expected a NumPy array, could not read it ({error}); {remedy}") from error
    return array


def _flags(dataset: Dataset, folder: Path) -> str:
    trial = "" if dataset.trial is None else f" --trial {dataset.trial}"
    return trial if folder == default_folder(dataset) else f"{trial} --out {folder}"


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
