"""Whether a place can be written to, tried before the work whose result belongs there. Nothing is left there."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryFile


def require_writable(file: Path) -> None:
    """Try that a file can be written to its folder, in the place of one that is there.

    Raises:
        OSError: it cannot, or it is a folder.

    >>> require_writable(Path("no such folder") / "a.txt")
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: 'no such folder'
    """
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(file))
    _write(file.parent)


def require_writable_folder(folder: Path) -> Path:
    """Try that files can be written to a folder, or to the nearest one above it, where it can be made.

    Returns:
        The one that is there.

    Raises:
        OSError: they cannot.
    """
    place = folder
    while not place.is_dir():
        if place.exists() or place.is_symlink() or place == place.parent:
            raise NotADirectoryError(errno.ENOTDIR, "it is no folder", str(place))
        if len(os.fsencode(place.name)) > 255:
            raise OSError(errno.ENAMETOOLONG, "File name too long", str(place))
        place = place.parent
    _write(place)
    return place


def _write(folder: Path) -> None:
    try:
        with TemporaryFile(dir=folder) as file:  # without a name, where the system can, so that a kill leaves nothing
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
