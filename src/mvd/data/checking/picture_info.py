"""Inspect picture files: size, colour, content, and the conversions before use.

A JPEG is decoded at an eighth of its size, which reads all bytes and so detects truncated files in a fraction of the
time. Colour is judged at that size, where there are no colour artefacts of the compression.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvd.data.images import damaged, open_picture, orientation, read_file, reduce_jpeg, to_rgb
from mvd.data.workers import map_batches
from mvd.errors import DatasetError

_REDUCTION = 8  # the largest that the JPEG decoder supports
_GREY_SPREAD = 10  # largest difference between the channels of a pixel that counts as grey
_CHUNK = 256  # pictures in flight


class PictureInfo(NamedTuple):
    """Properties of a picture file.

    Attributes:
        height: height in pixels, before rotation.
        width: width in pixels, before rotation.
        colour: whether it has colour.
        digest: hash of the file.
        orientation: EXIF orientation, 1 … 8; 1 is upright.
        animated: whether it has several frames.
        deep: whether it has a single channel of more than eight bits, which is scaled.
    """

    height: int
    width: int
    colour: bool
    digest: bytes
    orientation: int
    animated: bool
    deep: bool


def inspect_picture(file: Path) -> PictureInfo:
    """Decode a picture at reduced size.

    Raises:
        DatasetError: the file is missing, empty, truncated, too large or not a picture.
    """
    content = read_file(file)
    if not content:
        raise damaged(file, "expected a picture, found an empty file (0 bytes)")
    with open_picture(file, content) as picture:
        width, height = picture.size
        turn, deep = orientation(picture), picture.mode[0] in "IF"
        animated = bool(getattr(picture, "is_animated", False))
        reduce_jpeg(picture)
        decoded = to_rgb(picture)
        decoded.load()
        # Formats other than JPEG are decoded at full size.
        levels = np.asarray(decoded.reduce(max(1, _REDUCTION * decoded.width // width)), dtype=np.int16)
    colour = (levels.max(axis=2) - levels.min(axis=2)).max() > _GREY_SPREAD
    digest = hashlib.blake2b(content, digest_size=16).digest()
    return PictureInfo(height, width, bool(colour), digest, turn, animated, deep)


def inspect_pictures(root: Path, paths: Sequence[str], workers: int = 0) -> Iterator[PictureInfo | DatasetError]:
    """Decode pictures by several workers; yield their properties in order, or an error for a damaged picture."""
    with closing(map_batches(partial(_inspect, root), paths, _CHUNK, workers)) as inspected:
        for infos in inspected:
            yield from infos


def _inspect(root: Path, path: str) -> PictureInfo | DatasetError:
    try:
        return inspect_picture(root / path)
    except DatasetError as defect:
        return defect
