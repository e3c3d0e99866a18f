"""Small files of a run, written whole or not at all."""

from __future__ import annotations

from pathlib import Path


def write_atomically(file: Path, text: str) -> None:
    """Write a text file beside its name and rename it."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
