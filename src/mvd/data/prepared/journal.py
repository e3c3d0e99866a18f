"""Journal of finished work, from which an interrupted job is continued.

A file of JSON lines, each with a key and a value; the first line is the fingerprint of the job:

    ["fingerprint", "81f0…"]
    ["train_rgb_resized_img.npy 32", "5be1…"]

Lines are only appended, so a killed process can only damage the last line, which is removed. Entries of a job with
another fingerprint are ignored. An open journal is locked until its process ends, even if it is killed.
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
    """An open and locked journal, created by `open_journal`.

    Attributes:
        entries: key → value of the entries that were recorded before it was opened.
    """

    def __init__(self, file: IO[bytes], fingerprint: str) -> None:
        self._file = file
        self._fingerprint = fingerprint
        self.entries = _read(file)
        if self.entries.get("fingerprint") != fingerprint:
            self.clear()

    def clear(self) -> None:
        """Delete all entries."""
        self.entries = {}
        self._file.truncate(0)
        self.add([("fingerprint", self._fingerprint)])

    def add(self, entries: Iterable[tuple[str, str]]) -> None:
        """Record keys and values, and flush them to the disk."""
        self._file.writelines(json.dumps(entry).encode() + b"\n" for entry in entries)
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(path: Path, fingerprint: str) -> Iterator[Journal]:
    """Open and lock the journal of a job; it is removed when the context ends without an error.

    Args:
        path: file of the journal, created if it does not exist.
        fingerprint: hash of everything that determines the job's results.

    Raises:
        DatasetError: the journal is open already, in this process or another.
        OSError: the file cannot be read or written.
    """
    with open(path, "a+b", opener=no_links) as file:
        try:
            lock(file)
            # The process that held the lock before may have removed the file.
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
            path.unlink()  # while it is locked: afterwards it may belong to another process
    if sys.platform == "win32":
        path.unlink()  # an open file cannot be removed


def _read(file: IO[bytes]) -> dict[str, str]:
    """Read the entries, and truncate the file at the first damaged or foreign line."""
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
