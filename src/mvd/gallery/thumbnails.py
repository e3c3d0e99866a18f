"""Thumbnails: small JPEG files, without the picture's metadata, that a gallery shows when the picture is gone."""

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
"""Width and height that a thumbnail has at most, in pixels."""

_QUALITY = 75


def make_thumbnail(file: Path) -> bytes:
    """Make the thumbnail of a picture file; empty where it cannot be read."""
    try:
        with open_picture(file) as picture:
            picture.draft("RGB", (2 * SIZE[0], 2 * SIZE[1]))  # a JPEG is decoded at a fraction of its size
            small = to_rgb(picture, upright=True)
            small.thumbnail(SIZE, Image.Resampling.LANCZOS)
            written = io.BytesIO()
            small.save(written, "JPEG", quality=_QUALITY, exif=b"")  # a picture's metadata may say where it was taken
    except DatasetError:
        return b""
    return written.getvalue()


def make_thumbnails(paths: Sequence[str]) -> list[bytes]:
    """Make thumbnails of several picture files, in several threads."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(make_thumbnail, map(Path, paths)))
