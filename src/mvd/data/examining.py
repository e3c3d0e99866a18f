"""Looks at picture files cheaply: can they be decoded, how large are they, have they colour, what is in them.

A JPEG is decoded at an eighth of its size, which reads every byte of it and so finds a truncated one as decoding it
whole does, in a fraction of the time. Colour is looked for at that size, where compression leaves no traces of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from mvd.data.workers import worker_count
from mvd.errors import DatasetError

SMALLEST = 16  # pixels of height and width; nobody is to be recognised below

_REDUCTION = 8  # the largest that JPEG's decoder offers
_GREY_SPREAD = 10  # levels between the channels of a pixel, up to which it counts as grey
_CHUNK = 256  # pictures that wait for a worker or for the caller


class Examined(NamedTuple):
    """What was seen of a picture: height and width in pixels, whether it has colour, and a hash of the file."""

    height: int
    width: int
    colour: bool
    digest: bytes


def examine(file: Path) -> Examined:
    """Look at a picture file.

    Raises:
        DatasetError: the file is missing, empty, truncated or no picture, or the picture less than 16 pixels high or
            wide.
    """
    try:
        content = file.read_bytes()
        if not content:
            raise _bad(file, "expected a picture, found an empty file (0 bytes)")
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
            if min(height, width) < SMALLEST:
                raise _bad(file, f"expected a picture of at least {SMALLEST}×{SMALLEST}, found {height}×{width}")
            picture.draft("RGB", (width // _REDUCTION, height // _REDUCTION))
            decoded = picture.convert("RGB")
    except UnidentifiedImageError as error:
        raise _bad(file, "expected a picture, could not read it (of no format that is known)") from error
    # What Pillow raises for damaged files depends on the format; all of it means the same to the user.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise _bad(file, f"expected a picture, could not read it ({reason})") from error
    # Formats other than JPEG come in full size.
    reduced = decoded.reduce(max(1, _REDUCTION * decoded.width // width))
    levels = np.asarray(reduced, dtype=np.int16)
    colour = (levels.max(axis=2) - levels.min(axis=2)).max() > _GREY_SPREAD
    return Examined(height, width, bool(colour), hashlib.blake2b(content, digest_size=16).digest())


def examine_all(root: Path, paths: Sequence[str], workers: int = 0) -> Iterator[Examined | DatasetError]:
    """Look at picture files with several threads, in order; what is wrong with one comes instead of what was seen.

    Args:
        root: what the paths are relative to.
        paths: the files.
        workers: threads; 0 means one for each core.
    """

    def look(path: str) -> Examined | DatasetError:
        try:
            return examine(root / path)
        except DatasetError as defect:
            return defect

    with ThreadPoolExecutor(worker_count(workers)) as pool:
        for start in range(0, len(paths), _CHUNK):
            yield from pool.map(look, paths[start : start + _CHUNK])


def _bad(file: Path, what: str) -> DatasetError:
    return DatasetError(f"{file}: {what}; restore the file or remove it")
