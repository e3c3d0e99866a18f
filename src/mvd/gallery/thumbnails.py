"""Thumbnails: small JPEG files without metadata, which a gallery can show after the original picture is deleted."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from mvd.data.images import open_picture, to_rgb
from mvd.errors import DatasetError

SIZE = (96, 128)
"""Maximum width and height of a thumbnail, in pixels."""

_QUALITY = 75


def make_thumbnail(file: Path) -> bytes:
    """Create the thumbnail of a picture file; empty if it cannot be read."""
    try:
        with open_picture(file) as picture:
            picture.draft("RGB", (2 * SIZE[0], 2 * SIZE[1]))  # decodes a JPEG at reduced size
            small = to_rgb(picture, upright=True)
            small.thumbnail(SIZE, Image.Resampling.LANCZOS)
            written = io.BytesIO()
            small.save(written, "JPEG", quality=_QUALITY, exif=b"")  # EXIF data may contain the place of capture
    except DatasetError:
        return b""
    return written.getvalue()


def make_thumbnails(paths: Sequence[str]) -> list[bytes]:
    """Create thumbnails of several picture files, in several threads."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(make_thumbnail, map(Path, paths)))
