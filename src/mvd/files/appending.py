"""Files of lines that only grow: what is added is there whole or not at all, and never joins an incomplete line.

A full disk, or a process that is killed while it writes, leaves the beginning of a line. The one who wrote it removes
it, if still alive; else the next one who appends does (`end_last_line`), and readers ignore it (`whole_lines`).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from mvd.files.atomic import no_links

_BLOCK = 1 << 20  # bytes read at a time, to find the start of the last line


def append(file: Path, text: str, *, durable: bool = False) -> None:
    """Append text to a file, which is made if it is missing. Two processes must not append at the same time.

    Args:
        file: the file.
        text: whole lines.
        durable: wait until it is on disk (fsync).

    Raises:
        OSError: it cannot be written; the file is as before.
    """
    handle = no_links(os.fspath(file), os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0))
    try:
        end = os.fstat(handle).st_size
        left = memoryview(text.encode())
        try:
            while left:
                left = left[os.write(handle, left) :]
            if durable:
                os.fsync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def end_last_line(file: Path, *, keep: bool = False) -> None:
    """Remove an incomplete last line of JSON, and end one that lacks nothing but its end.

    Args:
        file: the file; it may be missing.
        keep: end the last line in any case, where lines are no JSON.

    Raises:
        OSError: the file cannot be read or written.
    """
    try:
        handle = no_links(os.fspath(file), os.O_RDWR | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return
    with os.fdopen(handle, "rb+", buffering=0) as lines:
        end = start = lines.seek(0, os.SEEK_END)
        last = b""
        while start and b"\n" not in last:
            block = min(_BLOCK, start)
            start = lines.seek(start - block)
            last = lines.read(block) + last
            if last.endswith(b"\n"):  # as usual
                return
        last = last[last.rfind(b"\n") + 1 :]
        if not last:
            return
        if keep or _is_json(last):
            lines.seek(end)
            lines.write(b"\n")
        else:
            lines.truncate(end - len(last))


def whole_lines(content: bytes) -> list[bytes]:
    r"""Split lines of JSON, without an incomplete last one.

    >>> whole_lines(b'{"a": 1}\n{"a": 2}'), whole_lines(b'{"a": 1}\n{"a":')
    ([b'{"a": 1}', b'{"a": 2}'], [b'{"a": 1}'])
    """
    *lines, last = content.split(b"\n")
    return [*lines, last] if _is_json(last) else lines


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
