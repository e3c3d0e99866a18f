"""Arrays of pictures that several processes write to temporary files, and the disk space that they need.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

import errno
import io
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.prepared.arrays import array_files
from mvd.data.samples import Modality, Samples
from mvd.errors import DatasetError
from mvd.files.atomic import no_links
from mvd.files.regular import is_there, require_regular


class UnfinishedArray(NamedTuple):
    """An array of pictures that is written in any order to a file beside the final one."""

    file: Path
    shape: tuple[int, int, int, int]

    @property
    def part(self) -> Path:
        """The file to which it is written."""
        return self.file.with_name(f".{self.file.name}.part")

    def missing(self, *, continued: bool) -> int:
        """Return the number of bytes that are still to be allocated.

        Args:
            continued: whether a stopped job is continued, so that the final file may already be this array.
        """
        try:
            # Windows does not report the allocated size of a file.
            return math.prod(self.shape) - int(getattr(self.part.lstat(), "st_blocks", 0)) * 512
        except OSError:
            return 0 if continued and self.is_at(self.file) else math.prod(self.shape)

    def is_at(self, path: Path) -> bool:
        """Return whether a file is an array of this shape."""
        try:
            require_regular(path)
            return not path.is_symlink() and bool(np.load(path, mmap_mode="r").shape == self.shape)
        except (OSError, ValueError, EOFError):
            return False

    def write(self, row: int, pictures: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Write consecutive pictures (H, W, 3) from a row on; several processes may write at once."""
        # Ordinary writes: through a memory map, a full disk would end the process (SIGBUS).
        with open(self.part, "r+b", opener=no_links) as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            file.seek(row * math.prod(self.shape[1:]), io.SEEK_CUR)
            for picture in pictures:
                file.write(np.ascontiguousarray(picture).data)


def plan_arrays(samples: Samples, out: Path, height: int, width: int) -> list[UnfinishedArray]:
    """Return the arrays of both modalities, with files and shapes."""
    return [
        UnfinishedArray(array_files(out, modality).images, (len(samples.of(modality)), height, width, 3))
        for modality in Modality
    ]


def require_place(out: Path, arrays: Sequence[UnfinishedArray], *, continued: bool) -> None:
    """Check that a folder can be created and written, that the names of the files are free, and the free space.

    Args:
        out: the folder, which need not exist.
        arrays: the arrays to write.
        continued: whether a stopped job is continued.

    Raises:
        OSError: the path is not a folder.
        DatasetError: the folder cannot be written, a folder has an array's name, or there is not enough space.
    """
    holder = next(folder for folder in (out, *out.absolute().parents) if is_there(folder))
    if not holder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(holder))
    if not os.access(holder, os.W_OK | os.X_OK):
        raise DatasetError(
            f"{out}: expected a folder that arrays can be written to, found none (no permission, or a read-only disk); "
            f"allow writing to it, or choose another folder with --out"
        )
    for file in (name for modality in Modality for name in vars(array_files(out, modality)).values()):
        if file.is_dir():
            raise DatasetError(f"{file}: expected to write a file, found a folder; rename it, or choose another --out")
    needed = sum(array.missing(continued=continued) for array in arrays)
    disk = shutil.disk_usage(holder)
    if disk.free < needed and disk.total:  # some network disks do not report their space
        raise DatasetError(
            f"{out}: expected {_size(needed)} of free space for the arrays, found {_size(disk.free)}; make room, or "
            f"choose another folder with --out"
        )


def _size(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e8 else f"{count / 1e6:,.2f} MB"
