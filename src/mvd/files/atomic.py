"""Files written beside their name, flushed to the disk and renamed: a name always stands for a whole file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mvd.errors import RunError


def write_atomically(file: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OSError: it cannot be written; the one before is untouched.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        flush(part)
        part.replace(file)
        flush_folder(file.parent)
    finally:
        part.unlink(missing_ok=True)


def write_json(file: Path, record: Any) -> None:
    """Write a record as indented JSON, whole or not at all.

    Raises:
        RunError: it cannot be written; the one before is untouched.
    """
    try:
        write_atomically(file, json.dumps(record, indent=2) + "\n")
    except OSError as error:
        raise cannot_write(file, error) from error


def cannot_write(file: Path, error: Exception, remedy: str = "then start the same command again") -> RunError:
    """Say that a file cannot be written, and what to do: its place, then the remedy."""
    reason = getattr(error, "strerror", None) or error
    return RunError(
        f"{file}: expected to write it, could not ({reason}); free space there or allow writing to it, {remedy}"
    )


def flush(file: Path) -> None:
    """Wait until what was written to a file is on the disk."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows has no way to ask for that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
