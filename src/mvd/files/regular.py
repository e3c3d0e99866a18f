"""Regular files: what is read is neither a pipe, which may never answer, nor a device, which may never end."""

from __future__ import annotations

import errno
import stat
from pathlib import Path


def require_regular(file: Path) -> None:
    """Check that a file, or what a link leads to, is regular; a folder is left to whoever opens it.

    Raises:
        OSError: it is a pipe, a socket or a device, or missing.
    """
    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is no regular file", str(file))
