"""Read a picture once: pixels, hash of the file, time of recording, and the modality guessed from the pixels.

Shapes: H × W pixels.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from mvd.data.images import open_picture, read_file, to_rgb
from mvd.data.own.listing import UNKNOWN_TIME, read_time
from mvd.data.samples import Modality

# The rule of `guess_modality`; measured on rendered pictures (docs/own-pictures.md).
_GREY, _WIDTH = 12.0, 4.0
_PERCENTILE = 95


class Guess(NamedTuple):
    """A guess of a modality, with its confidence from 0.5 to 1."""

    modality: Modality
    confidence: float


class ReadPicture(NamedTuple):
    """A picture and its metadata.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, upright.
        hash: SHA-256 of the file, in hexadecimal digits.
        time: time of recording in the EXIF data; datetime64[us], NaT if missing.
    """

    pixels: npt.NDArray[np.uint8]
    hash: str
    time: np.datetime64


def read_picture(file: Path, height: int, width: int) -> ReadPicture:
    """Read a picture, rotated upright and resized to H × W like `load_image`.

    Raises:
        DatasetError: the file is missing, truncated, or not a picture.
    """
    content = read_file(file)
    with open_picture(file, content) as picture:
        time = _time_taken(picture)
        pixels = np.asarray(to_rgb(picture, upright=True).resize((width, height), Image.Resampling.LANCZOS))
    return ReadPicture(pixels, hashlib.sha256(content).hexdigest(), time)


def guess_modality(pixels: npt.NDArray[np.uint8]) -> Guess:
    """Guess the modality from pixels: infrared if they are grey or nearly grey.

    The colour of a pixel is the difference between its largest and its smallest channel, from 0 to 255; that of a
    picture is the 95th percentile c over its pixels. The confidence is 1 / (1 + exp(−|12 − c| / 4)). Grey visible
    pictures are mistaken for infrared, and infrared pictures in false colours for visible.

    Args:
        pixels: (H, W, 3) uint8, RGB.

    >>> guess_modality(np.full((4, 2, 3), 90, np.uint8))
    Guess(modality=<Modality.INFRARED: 1>, confidence=0.95...)
    """
    red, green, blue = np.moveaxis(pixels, 2, 0)
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    colour = float(np.percentile(spread, _PERCENTILE))
    confidence = 1 / (1 + math.exp(-abs(_GREY - colour) / _WIDTH))
    return Guess(Modality.INFRARED if colour <= _GREY else Modality.VISIBLE, confidence)


def _time_taken(picture: Image.Image) -> np.datetime64:
    """Return the time of recording; without a zone in the EXIF data, the camera's clock is assumed to be UTC."""
    try:
        exif = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        date, _, clock = str(exif[ExifTags.Base.DateTimeOriginal]).strip("\0 ").partition(" ")
        zone = str(exif.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\0 ")
        return read_time(f"{date.replace(':', '-')}T{clock}{zone}")
    except Exception:  # the type depends on the error in the metadata
        return UNKNOWN_TIME
