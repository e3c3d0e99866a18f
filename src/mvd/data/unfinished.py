"""A .npy file that is filled row by row, in any order, and takes its name when it is whole.

It is written with ordinary writes. Through a memory map every row would count as resident memory until the system
gets round to writing it.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class UnfinishedArray:
    """An array of pictures that is being made beside the file that it is to be.

    Attributes:
        file: what it is called in the end.
        shape: (N, H, W, 3).
    """

    file: Path
    shape: tuple[int, int, int, int]

    @property
    def part(self) -> Path:
        """Where it is until then."""
        return self.file.with_name(f".{self.file.name}.part")

    @property
    def row_bytes(self) -> int:
        """How long a picture is."""
        return int(np.prod(self.shape[1:]))

    def create(self) -> None:
        """Make the file in its full length, of which nothing takes up space yet."""
        self.part.unlink(missing_ok=True)
        with self.part.open("wb") as file:
            file.write(self._header)
            file.truncate(self._length)

    def is_begun(self) -> bool:
        """Tell whether there is a file to go on with."""
        return self._is_at(self.part)

    def is_published(self) -> bool:
        """Tell whether a file of this shape is where the whole one belongs, and no part of it is left."""
        return not self.part.exists() and self._is_at(self.file)

    def write(self, row: int, pictures: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Write pictures (H, W, 3) as they come to the rows from `row` on; several writers may at once."""
        # Unbuffered: a picture is not copied once more.
        with self.part.open("r+b", buffering=0) as file:
            file.seek(len(self._header) + row * self.row_bytes)
            for picture in pictures:
                _write_all(file, np.ascontiguousarray(picture).reshape(-1).data)

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        with self.part.open("r+b") as file:
            os.fsync(file.fileno())

    def publish(self) -> None:
        """Give the whole file its name, unless it has it."""
        if self.part.exists():
            self.part.replace(self.file)

    def _is_at(self, path: Path) -> bool:
        try:
            with path.open("rb") as file:
                return file.read(len(self._header)) == self._header and file.seek(0, io.SEEK_END) == self._length
        except FileNotFoundError:
            return False

    @property
    def _length(self) -> int:
        return len(self._header) + self.shape[0] * self.row_bytes

    @cached_property
    def _header(self) -> bytes:
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": self.shape})
        return buffer.getvalue()


def _write_all(file: IO[bytes], content: memoryview) -> None:
    while content:
        content = content[file.write(content) :]
