"""Atomic writes: a file is written under a temporary name, flushed to disk and renamed, so a name is always whole."""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mvd.errors import RunError
from mvd.files.locks import lock, remove_if_abandoned
from mvd.files.names import shell_words
from mvd.files.regular import not_regular

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.part")


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Write a file atomically: yield a temporary file beside it, and rename that once it is written.

    The temporary file is empty, has a random name in the same folder, and gets the permissions of a new file whoever
    writes it. Without an error it is flushed to disk and takes the place of `file`, and the rename is flushed too.
    It is gone in any case; only a process that was killed leaves one (`is_temporary`), which the next one that writes
    this file removes: a temporary file is locked while it has a writer.

    Raises:
        OSError: it cannot be written; `file` is unchanged.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     print([(file.name, file.read_text()) for file in Path(folder).iterdir()])
    [('a.txt', 'whole')]
    """
    _remove_abandoned(file)
    temporary, handle = _make_beside(file)
    try:
        mode = os.fstat(handle).st_mode
        if os.name == "nt":  # which renames no open file
            os.close(handle)
        yield temporary
        temporary.chmod(mode)  # a library may have put a file of its own there, which its owner alone can read
        flush(temporary)
        temporary.replace(file)
        flush_folder(file.parent)
    finally:
        temporary.unlink(missing_ok=True)
        if os.name != "nt":
            os.close(handle)


def _make_beside(file: Path) -> tuple[Path, int]:
    """Make a temporary file and lock it; another one if `remove_if_abandoned` came in between."""
    while True:
        temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(BlockingIOError):
            lock(handle)
            if temporary.exists():
                return temporary, handle
        os.close(handle)
        temporary.unlink(missing_ok=True)


def _remove_abandoned(file: Path) -> None:
    """Remove the temporary files of a file whose writers were killed."""
    with suppress(OSError), os.scandir(file.parent) as entries:
        for entry in entries:
            if entry.name.startswith(f".{file.name}.") and is_temporary(Path(entry)):
                remove_if_abandoned(Path(entry))


def no_links(path: str, flags: int) -> int:
    """Open a regular file that must not be a symbolic link; an `opener` for `open`, for files written in place.

    Raises:
        OSError: it is a link, a pipe or a device, or cannot be opened.
    """
    # Without O_NONBLOCK, opening a pipe waits for its other end.
    handle = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise not_regular(path)
    return handle


def is_temporary(file: Path) -> bool:
    """Tell whether a name is one of `replacing`'s temporary names."""
    return _TEMPORARY.fullmatch(file.name) is not None


def write_atomically(file: Path, text: str) -> None:
    """Write a text file atomically.

    Raises:
        OSError: it cannot be written; the file is unchanged.
    """
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(file: Path, record: Any) -> None:
    """Write a record as indented JSON, atomically.

    Raises:
        RunError: it cannot be written; the file is unchanged.
    """
    with writing(file):
        write_atomically(file, json.dumps(record, indent=2) + "\n")


@contextmanager
def writing(file: Path, remedy: str = "then start the same command again") -> Iterator[None]:
    """Turn an error of the system, while a file is written, into the one that names it and the remedy.

    Raises:
        RunError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(file, error, remedy) from error


def cannot_write(file: Path, error: Exception, remedy: str = "then start the same command again") -> RunError:
    """Make the error of a file that cannot be written: make room, then the remedy."""
    if isinstance(error, FileNotFoundError) and not file.parent.exists():
        return RunError(
            f"{file}: expected a folder to write it to, found none; make it: mkdir -p {shell_words(file.parent)}"
        )
    reason = getattr(error, "strerror", None) or error
    return RunError(
        f"{file}: expected to write it, could not ({reason}); free space there or allow writing to it, {remedy}"
    )


def flush(file: Path) -> None:
    """Wait until a file's content is on disk."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk. Windows has no such call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
