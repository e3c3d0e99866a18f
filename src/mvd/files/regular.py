"""What lies at a path: regular files alone are read, and what the system refuses to tell is left to whoever opens it.

A pipe may never answer, and a device never end.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def require_regular(file: Path) -> None:
    """Check that a file, or what a link leads to, is regular; a folder is left to whoever opens it.

    Raises:
        OSError: it is a pipe, a socket or a device, or missing.
    """
    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise not_regular(file)


def not_regular(file: str | Path) -> OSError:
    """Make the error of a pipe, a socket or a device."""
    return OSError(errno.EINVAL, "it is no regular file", os.fspath(file))


def is_there(path: Path) -> bool:
    """Whether there is something at a path, or the system refuses to tell, as opening it will, with the reason.

    >>> is_there(Path("no such file")), is_there(Path("x" * 10_000))
    (False, True)
    """
    return _mode(path) is not None


def is_folder(path: Path) -> bool:
    """Whether there is a folder at a path, or the system refuses to tell, as listing it will, with the reason.

    >>> is_folder(Path(".")), is_folder(Path("no such folder"))
    (True, False)
    """
    return stat.S_ISDIR(_mode(path) or 0)


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without links, as far as they lead; a circle of links is left to whoever opens it.

    `Path.resolve` raises another error for a circle in each version of Python.

    >>> real_path("a/../b") == Path.cwd() / "b"
    True
    """
    return Path(os.path.realpath(path))


def _mode(path: Path) -> int | None:
    """Return a path's type and permissions; None if nothing is there, and a folder's if that cannot be told."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte
        return None
    except OSError:
        return stat.S_IFDIR
