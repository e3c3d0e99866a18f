"""The journal of a piece of work: which chunks of it are finished, so that whoever is killed can go on.

A file of JSON lines. The first says what the work is, with a fingerprint for each of its parts. Every other one names
a part, the start of a finished chunk of it, and a stamp of what the chunk was made from; or says that all is whole:

    {"train_rgb_resized_img.npy": "81f0…", "test": "c02e…"}
    ["train_rgb_resized_img.npy", 32, "5be1…"]
    ["whole"]

Going on only adds lines, so being killed can do no more than tear the last one, which is then cut off. Chunks of a
part whose fingerprint has changed do not count. Whoever has the journal open has it locked, and the system unlocks it
when a process ends, however it ends: two processes never do the same work at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mvd.errors import DatasetError
from mvd.files.locks import lock

_Stamps = dict[tuple[str, int], str]


class Journal:
    """An open and locked journal; `open_journal` makes it.

    Attributes:
        whole: all chunks were finished once, and are perhaps where they belong already.
    """

    def __init__(self, file: IO[bytes], work: Mapping[str, str]) -> None:
        self._file = file
        self._work = dict(work)
        self._waiting: list[bytes] = []
        old_work, stamps, whole = _read(file)
        unchanged = {part for part, fingerprint in work.items() if old_work.get(part) == fingerprint}
        self._stamps = {key: stamp for key, stamp in stamps.items() if key[0] in unchanged}
        self.whole = whole and old_work == self._work
        if old_work != self._work:
            self._rewrite()

    def stamp(self, part: str, start: int) -> str | None:
        """Look up the stamp of a finished chunk; None if it is not finished."""
        return self._stamps.get((part, start))

    def forget(self, part: str) -> None:
        """Take back all that is said of a part."""
        self._stamps = {key: stamp for key, stamp in self._stamps.items() if key[0] != part}
        self.whole = False
        self._rewrite()

    def add(self, part: str, start: int, stamp: str) -> None:
        """Take down a finished chunk, for the next `write`."""
        self._waiting.append(_line([part, start, stamp]))

    def write(self) -> None:
        """Write what was taken down; the chunks must be on the disk by then."""
        self._file.write(b"".join(self._waiting))
        self._file.flush()
        self._waiting.clear()

    def mark_whole(self) -> None:
        """Write that all chunks are finished, and wait until that is on the disk."""
        self._waiting.append(_line(["whole"]))
        self.write()
        os.fsync(self._file.fileno())
        self.whole = True

    def _rewrite(self) -> None:
        """Write the lines that count; on the disk before anything is done that the old ones would be wrong about."""
        self._file.truncate(0)
        self._file.write(_line(self._work))
        self._file.writelines(_line([*key, stamp]) for key, stamp in self._stamps.items())
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def open_journal(path: Path, work: Mapping[str, str]) -> Iterator[Journal]:
    """Open a journal, made if there is none; it vanishes if all goes well, and stays if not.

    Args:
        path: its file.
        work: part → fingerprint of all that decides what becomes of that part.

    Raises:
        DatasetError: it is open already, in another process or in this one.
        OSError: it cannot be read or written.
    """
    with _open_locked(path) as file:
        yield Journal(file, work)
        if sys.platform != "win32":
            path.unlink()  # while it is locked: unlocked, it may be somebody else's already
    if sys.platform == "win32":
        path.unlink()  # an open file cannot be


def _open_locked(path: Path) -> IO[bytes]:
    while True:
        file = path.open("a+b")
        try:
            lock(file)
            if _is_still(file, path):  # whoever had it locked until now may have removed it
                return file
        except BlockingIOError as error:
            file.close()
            raise DatasetError(
                f"{path.parent}: expected no other mvd prepare at work in this folder, found one; wait until it ends, "
                f"or choose another folder with --out"
            ) from error
        file.close()


def _is_still(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _read(file: IO[bytes]) -> tuple[dict[str, str], _Stamps, bool]:
    """Read what the work was, the stamps, and whether all was whole; what follows a torn line is cut off."""
    work: dict[str, str] = {}
    stamps: _Stamps = {}
    whole, length = False, 0
    file.seek(0)
    for line in file:
        match _entry(line):
            case dict(first) if length == 0:
                work = first
            case [str(part), int(start), str(stamp)]:
                stamps[part, start] = stamp
            case ["whole"]:
                whole = True
            case _:
                break
        length += len(line)
    file.truncate(length)
    return work, stamps, whole


def _entry(line: bytes) -> Any:
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None


def _line(entry: object) -> bytes:
    return json.dumps(entry).encode() + b"\n"
