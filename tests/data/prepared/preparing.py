"""Arrays to compare with, and preparing that is stopped on the way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fakes import write_picture
from PIL import Image

from mvd.data.prepared.arrays import array_files, training_samples
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.samples import Dataset, Modality

SIZE = (24, 10)


NAMES = sorted(f"train_{kind}_resized{end}" for kind in ("rgb", "ir") for end in ("_img.npy", "_label.npy", ".csv"))


RECORD = ".mvd-prepare.json"


UNFINISHED = sorted([".mvd-prepare.journal", *(f".train_{kind}_resized_img.npy.part" for kind in ("rgb", "ir"))])


def different(dataset: Dataset) -> Dataset:
    """Make every picture of a data set another one."""
    for number, path in enumerate(pictures(dataset)):
        write_picture(path, number)
    return dataset


def pictures(dataset: Dataset) -> Iterator[Path]:
    for table in (dataset.train, dataset.validation, dataset.test):
        yield from (dataset.root / path for path in table.paths.tolist())


def plain_loop(dataset: Dataset, size: tuple[int, int] = SIZE) -> list[npt.NDArray[np.uint8]]:
    """Make the arrays of both modalities as the original's script does."""
    both = training_samples(dataset)
    return [
        np.stack(
            [
                np.asarray(Image.open(dataset.root / path).convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS))
                for path in both.of(modality).paths.tolist()
            ]
        )
        for modality in Modality
    ]


def assert_prepared(out: Path, expected: list[npt.NDArray[np.uint8]], tmp_path: Path) -> None:
    """Compare the files of both modalities with what NumPy saves, byte for byte, and see that nothing else is left."""
    assert sorted(file.name for file in out.iterdir()) == [RECORD, *NAMES]
    for modality, images in zip(Modality, expected, strict=True):
        np.save(tmp_path / "expected.npy", images)
        assert array_files(out, modality).images.read_bytes() == (tmp_path / "expected.npy").read_bytes()


def spoil_unnoticed(file: Path) -> None:
    """Make a picture unreadable, but leave it its size and date: whoever reads it again will notice."""
    status = file.stat()
    file.write_bytes(bytes(status.st_size))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def run(dataset: Dataset, out: Path, size: tuple[int, int] = SIZE, *, until: int | None = None) -> list[int]:
    """Prepare with one worker; Ctrl-C comes when `until` pictures are done. Return what progress said was done."""
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        if until is not None and done >= until:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        prepare_arrays(dataset, out, *size, workers=1, progress=progress)
    return seen
