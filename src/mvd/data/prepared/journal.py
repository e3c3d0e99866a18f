"""Journal of finished work, by which an interrupted job continues where it was.

A file of JSON lines, a key and a value each; the first line is the fingerprint of the job:

    ["fingerprint", "81f0…"]
    ["train_rgb_resized_img.npy 32", "5be1…"]

Lines are only appended, so a kill can tear no more than the last one, which is cut off. Entries of a job with another
fingerprint do not count. An open journal is locked until its process ends, however it ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mvd.errors import DatasetError
from mvd.files.atomic import no_links
from mvd.files.locks import lock


class Journal:
    """An open and locked journal; made by `open_journal`.

    Attributes:
        entries: key → value of what was recorded before it was opened.
    """

    def __init__(self, file: IO[bytes], fingerprint: str) -> None:
        self._file = file
        self._fingerprint = fingerprint
        self.entries = _read(file)
        if self.entries.get("fingerprint") != fingerprint:
            self.clear()

    def clear(self) -> None:
        """Forget all entries."""
        self.entries = {}
        self._file.truncate(0)
        self.add([("fingerprint", self._fingerprint)])

    def add(self, entries: Iterable[tuple[str, str]]) -> None:
        """Record keys and values, and wait until they are on the disk."""
        self._file.writelines(json.dumps(entry).encode() + b"\n" for entry in entries)
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(path: Path, fingerprint: str) -> Iterator[Journal]:
    """Open and lock the journal of a job; it is removed when the context ends without an error.

    Args:
        path: its file, made if there is none.
        fingerprint: of everything that decides the job's results.

    Raises:
        DatasetError: the journal is open already, in this process or another.
        OSError: it cannot be read or written.
    """
    with open(path, "a+b", opener=no_links) as file:
        try:
            lock(file)
            # A process that held the lock until now has removed the file.
            available = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except (BlockingIOError, FileNotFoundError):
            available = False
        if not available:
            raise DatasetError(
                f"{path.parent}: expected no other mvd prepare at work in this folder, found one; wait until it ends, "
                f"or choose another folder with --out"
            )
        yield Journal(file, fingerprint)
        if sys.platform != "win32":
            path.unlink()  # while it is locked: afterwards it may be another process's
    if sys.platform == "win32":
        path.unlink()  # an open file cannot be removed


def _read(file: IO[bytes]) -> dict[str, str]:
    """Read the entries, and cut off what follows the first torn or foreign line."""
    entries = {}
    length = 0
    file.seek(0)
    for line in file:
        try:
            key, value = map(str, json.loads(line if line.endswith(b"\n") else b""))
        except (ValueError, TypeError):
            break
        entries[key] = value
        length += len(line)
    file.truncate(length)
    return entries
