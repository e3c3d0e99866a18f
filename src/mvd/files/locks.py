"""File locks that end with their process, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mvd.errors import BusyError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE = 1 << 40  # Windows denies reading locked bytes, so one beyond the end of every file here is locked
_WAIT_SECONDS = 0.02  # between two tries
_PATIENCE_SECONDS = 600


def lock(file: IO[bytes] | int, *, shared: bool = False) -> None:
    """Lock a file until it is closed.

    On a network file system without locks, nothing is locked.

    Args:
        file: open for reading or writing.
        shared: whether other shared holders are allowed; never on Windows.

    Raises:
        BlockingIOError: it is locked already, by another process or by this one.
    """
    if sys.platform == "win32":
        handle = file if isinstance(file, int) else file.fileno()
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        return
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass


def remove_if_abandoned(file: Path) -> None:
    """Remove a file that its writer keeps locked, if it has no writer any more and that can be told.

    It is locked meanwhile: a writer that has made the file and does not get the lock, or finds the file gone, makes
    another.

    Raises:
        OSError: it may not be removed.
    """
    if sys.platform == "win32":
        return
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return
    try:
        file.unlink(missing_ok=True)
    finally:
        os.close(handle)


@contextmanager
def folder_locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that exists, to fill or to change it.

    Raises:
        BusyError: another process holds it, or this one.
        OSError: the folder is missing or cannot be opened.
    """
    if sys.platform == "win32":  # which cannot open folders
        with name_locked(folder):
            yield
        return
    with _held(folder, folder, os.O_RDONLY | os.O_DIRECTORY):
        yield


@contextmanager
def name_locked(path: Path) -> Iterator[None]:
    """Hold the lock of a name, to make a file or folder of that name; a file `.NAME.lock` beside it meanwhile.

    Raises:
        BusyError: another process holds it, or this one.
        OSError: the file cannot be made there.
    """
    file = path.with_name(f".{path.name}.lock")
    with _held(path, file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)):
        try:
            yield
        finally:
            if sys.platform != "win32":
                file.unlink(missing_ok=True)  # while it is locked: afterwards it may be another process's
    if sys.platform == "win32":
        with suppress(OSError):  # an open file cannot be removed
            file.unlink()


@contextmanager
def file_locked(file: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a file, which is made and stays; wait ten minutes for it where another process holds it.

    Args:
        file: in a folder that exists.
        shared: whether others may hold it too who share it.

    Raises:
        BusyError: it was not free in time.
        OSError: the file cannot be made there.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                lock(handle, shared=shared)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise BusyError(
                        f"{file.parent}: expected other processes to leave it within {_PATIENCE_SECONDS} s, found one "
                        f"still at work on it; wait until it ends"
                    ) from None
                time.sleep(_WAIT_SECONDS)
        yield
    finally:
        os.close(handle)


@contextmanager
def _held(path: Path, locked: Path, flags: int) -> Iterator[None]:
    handle = os.open(locked, flags, 0o666)
    try:
        try:
            lock(handle)
            # A process that held the lock until now may have removed it.
            free = os.path.samestat(os.fstat(handle), locked.stat())
        except (BlockingIOError, FileNotFoundError):
            free = False
        if not free:
            raise BusyError(
                f"{path}: expected no other process at work on it, found one; wait until it ends, or choose another "
                f"place"
            )
        yield
    finally:
        os.close(handle)
