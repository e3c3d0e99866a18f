"""Open prepared pictures: the training pictures, resized once, as memory-mapped arrays beside the data set.

The files have the names of the original code, so each code can load the arrays of the other:
`train_{rgb,ir}_resized_img.npy`, (N, H, W, 3) uint8, and `train_{rgb,ir}_resized_label.npy`, (N,) integer classes from
0, in ascending order of the training and validation identities together. `mvd prepare` also writes
`train_{rgb,ir}_resized.csv`, the table of the rows, whose paths must match the data set. Arrays without a table must
match the order and the labels of the scan.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.data.pictures import Pictures
from mvd.data.samples import Dataset, Modality, Samples, concatenate, load_samples
from mvd.errors import DatasetError, counted
from mvd.files.names import shell_words
from mvd.files.regular import is_there, require_regular

_NAMES = {Modality.VISIBLE: "train_rgb_resized", Modality.INFRARED: "train_ir_resized"}


@dataclass(frozen=True, kw_only=True)
class ArrayFiles:
    """The files of one modality: `images` and `labels` (.npy) and `table` (.csv)."""

    images: Path
    labels: Path
    table: Path


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedPictures(Pictures):
    """Memory-mapped pictures of one modality, or a selection of them.

    Attributes:
        images: (M, H, W, 3) uint8, read-only and memory-mapped.
        rows: (N,) int64, the selected rows of `images`.
        samples: table of the N selected pictures.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    samples: Samples

    def __len__(self) -> int:
        return len(self.rows)

    def __reduce__(self) -> tuple[Any, ...]:
        # A process of a DataLoader maps the file again; pickling the map would copy every picture.
        images = self.images.filename if isinstance(self.images, np.memmap) else self.images
        return _unpickle, (images, self.rows, self.samples)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    def of_people(self, identities: npt.ArrayLike) -> PreparedPictures:
        """Select the pictures of some identities."""
        kept = np.flatnonzero(np.isin(self.samples.identities, identities))
        return PreparedPictures(images=self.images, rows=self.rows[kept], samples=self.samples.take(kept))

    def read(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """Copy the pictures at positions (B,) of the N pictures: (B, H, W, 3) uint8.

        Raises:
            DatasetError: the file has been truncated since it was opened.
        """
        _require_whole(self.images)
        return np.asarray(self.images[self.rows[positions]])

    def read_range(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        """Copy the pictures from `start` up to `stop`."""
        return self.read(np.arange(start, stop))


def default_folder(dataset: Dataset) -> Path:
    """Return the default folder of prepared arrays: that of the data set, or a subfolder for each split of RegDB."""
    return dataset.root if dataset.trial is None else dataset.root / f"trial-{dataset.trial}"


def array_files(folder: Path, modality: Modality) -> ArrayFiles:
    """Return the files of a modality."""
    name = _NAMES[modality]
    return ArrayFiles(
        images=folder / f"{name}_img.npy", labels=folder / f"{name}_label.npy", table=folder / f"{name}.csv"
    )


def training_samples(dataset: Dataset) -> Samples:
    """List the prepared pictures in the order of the arrays: training and validation together, by identity."""
    both = concatenate([dataset.train, dataset.validation])
    # A stable sort keeps the order of the scan within an identity.
    return both.take(np.argsort(both.identities, kind="stable"))


def load_prepared(
    dataset: Dataset, folder: Path, size: tuple[int, int] | None = None
) -> tuple[PreparedPictures, PreparedPictures]:
    """Open the arrays written by `prepare_arrays` or by the original's script.

    Args:
        dataset: the scanned data set, which provides the table for arrays without one.
        folder: folder of the arrays.
        size: height and width that are wanted, for the command that errors name.

    Returns:
        The visible and the infrared pictures of the train and validation identities.

    Raises:
        DatasetError: an array is missing or damaged, does not match the others, or belongs to another data set.
    """
    both = training_samples(dataset)
    remedy = f"run: {preparing_command(dataset, folder, size)}"
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
    if is_there(files.table):
        _require_same_pictures(files.table, samples, people_lists, remedy)
    if not np.array_equal(np.searchsorted(people, samples.identities), labels):
        raise DatasetError(
            f"{files.labels}: expected the labels of the {counted(len(samples), 'picture')} of the people in "
            f"{people_lists}, found {len(labels)} that differ: the data set has changed since, or this is another "
            f"split of it; {remedy}"
        )
    return PreparedPictures(images=images, rows=np.arange(len(images)), samples=samples)


def _require_same_pictures(table: Path, samples: Samples, people_lists: str, remedy: str) -> None:
    found = load_samples(table)
    if np.array_equal(found.paths, samples.paths) and np.array_equal(found.identities, samples.identities):
        return
    pairs = zip(found.paths.tolist(), samples.paths.tolist(), strict=False)
    first = next(
        (f"{one} where {other} is now" for one, other in pairs if one != other), counted(len(found), "picture")
    )
    raise DatasetError(
        f"{table}: expected the {counted(len(samples), 'picture')} of the people in {people_lists}, found others "
        f"({first}): the data set has changed since, or this is another split of it; {remedy}"
    )


def _unpickle(images: Path | npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], samples: Samples) -> PreparedPictures:
    if isinstance(images, Path):
        images = _open_array(images, "put it back", memory_map=True)
    return PreparedPictures(images=images, rows=rows, samples=samples)


def _require_whole(images: npt.NDArray[np.uint8]) -> None:
    """Check that a mapped file has not been truncated: reading past its end kills the process (SIGBUS)."""
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
            f"it is being changed while in use; restore it or prepare it again"
        )


def _open_array(file: Path, remedy: str, *, memory_map: bool) -> npt.NDArray[Any]:
    try:
        require_regular(file)
        array: npt.NDArray[Any] = np.load(file, mmap_mode="r" if memory_map else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise DatasetError(f"{file}: expected a prepared array, found none; {remedy}") from error
    except (OSError, ValueError, EOFError, OverflowError, MemoryError) as error:
        raise DatasetError(f"{file}: expected a NumPy array, could not read it ({error}); {remedy}") from error
    return array


def preparing_command(dataset: Dataset, folder: Path, size: tuple[int, int] | None = None) -> str:
    """Write the command that prepares a data set's pictures into a folder, in a size."""
    words = ["mvd", "prepare", str(dataset.table or dataset.root)]
    words += [] if dataset.trial is None else ["--trial", str(dataset.trial)]
    words += [] if size is None else ["--height", str(size[0]), "--width", str(size[1])]
    words += [] if folder == default_folder(dataset) else ["--out", str(folder)]
    return shell_words(*words)


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
