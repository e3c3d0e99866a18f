"""Pictures from files: decoded to RGB and resized; an unreadable one is an error that names it.

Pillow with Lanczos filtering is the reference here, because the arrays that the original prepares were made so.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.errors import DatasetError

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's red, green and blue, from 0 to 1, which pre-trained encoders expect."""


def load_image(file: Path, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Decode a picture, convert it to RGB and resize it.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DatasetError: the file is missing, truncated, or no picture.
    """
    with naming_damage(file), Image.open(file) as picture:
        # A picture that is RGB already would only be copied.
        rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
        return np.asarray(rgb.resize((width, height), Image.Resampling.LANCZOS))


def read_image(file: Path) -> None:
    """Read a picture from its first byte to its last, only to know that it can be read.

    A JPEG is decoded at an eighth of its size, which finds the same damage in about half the time.

    Raises:
        DatasetError: the file is missing, truncated, or no picture.
    """
    with naming_damage(file), Image.open(file) as picture:
        picture.draft("RGB", (1, 1))
        picture.load()


@contextmanager
def naming_damage(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a picture is read into an error that names its file.

    Raises:
        DatasetError: the file is missing, truncated, or no picture.
    """
    try:
        yield
    # What Pillow raises for damaged files depends on the format; all of it means the same to the user.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(
            f"{file}: expected a picture, could not read it ({error}); restore the file or remove it"
        ) from error
