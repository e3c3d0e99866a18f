"""File locks that end with their process, however it ends."""

from __future__ import annotations

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCKED_BYTE = 1 << 40  # Windows denies reading locked bytes, so one beyond the end of every file here is locked


def lock(file: IO[bytes]) -> None:
    """Lock a file until it is closed.

    On a network file system without locks, nothing is locked.

    Raises:
        BlockingIOError: it is locked already, by another process or by this one.
    """
    if sys.platform == "win32":
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass
