"""Convert files, PIL images and arrays to the pixel arrays that networks take. Requires no framework.

Shapes: N pictures of H × W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.data.images import load_image, to_rgb
from mvd.data.pictures import PictureArray, PictureFiles, Pictures
from mvd.data.samples import Modality
from mvd.errors import DatasetError, counted

Pixels: TypeAlias = npt.NDArray[np.uint8]
Picture: TypeAlias = str | os.PathLike[str] | Image.Image | Pixels
ModalitiesLike: TypeAlias = int | str | Sequence[int | str] | npt.NDArray[np.int64]


def to_pictures(pictures: Picture | Sequence[Picture], size: tuple[int, int]) -> Pictures:
    """Create a source of N pictures of one size; files are read lazily, one batch ahead.

    Args:
        pictures: an array (N, H, W, 3) or (N, 3, H, W) uint8, RGB; or files, PIL images, or arrays of one picture
            each. A single picture is treated as N = 1. Files and PIL images are rotated by their EXIF orientation and
            resized.
        size: (H, W).

    Raises:
        DatasetError: arrays have the wrong size or type, or a PIL image cannot be converted.
    """
    if isinstance(pictures, np.ndarray) and pictures.dtype.kind == "U":  # names of files
        pictures = [str(one) for one in pictures.ravel()]
    if isinstance(pictures, str | os.PathLike | Image.Image | np.ndarray):
        return PictureArray(to_pixels(pictures, size))
    if not isinstance(pictures, Iterable) or isinstance(pictures, bytes):
        raise _no_picture(pictures)
    pictures = list(pictures)
    files = [os.fspath(one) for one in pictures if isinstance(one, str | os.PathLike)]
    if len(files) == len(pictures):
        height, width = size
        return PictureFiles(root=Path(), paths=files, height=height, width=width, upright=True)
    return PictureArray(np.concatenate([to_pixels(one, size) for one in pictures]))


def to_pixels(picture: Picture, size: tuple[int, int]) -> Pixels:
    """Convert one picture, or an array of N pictures, to (N, H, W, 3) uint8.

    Raises:
        DatasetError: an array has the wrong size or type, or a file cannot be read.
    """
    height, width = size
    if isinstance(picture, str | os.PathLike):
        return np.array(load_image(Path(picture), height, width, upright=True))[None]
    if isinstance(picture, Image.Image):
        try:
            upright = to_rgb(picture, upright=True)
        except ValueError as error:
            raise DatasetError(f"pictures: expected pictures, found one with {error}; convert it") from error
        return np.array(upright.resize((width, height), Image.Resampling.LANCZOS))[None]
    if not isinstance(picture, np.ndarray):
        raise _no_picture(picture)
    if picture.dtype != np.uint8:
        raise DatasetError(
            f"pictures: expected uint8, 0 to 255, found {picture.dtype}; give them as decoded, not scaled"
        )
    array = picture if picture.ndim == 4 else picture[None]
    if array.shape[1:] == (height, width, 3):
        return array
    if array.shape[1:] == (3, height, width):
        return array.transpose(0, 2, 3, 1)
    raise DatasetError(
        f"pictures: expected (N, {height}, {width}, 3) or (N, 3, {height}, {width}), found {tuple(picture.shape)}; "
        f"resize them, or give files or PIL images, which are resized"
    )


def _no_picture(found: object) -> DatasetError:
    return DatasetError(
        f"pictures: expected files, PIL images, or arrays or tensors of uint8, found {type(found).__name__}; convert it"
    )


def to_modalities(modalities: ModalitiesLike, count: int) -> npt.NDArray[np.int64]:
    """Convert one modality per picture, or one for all, to an array (N,): numbers, or "visible" and "infrared".

    Raises:
        DatasetError: the number of modalities is wrong, or a value is not 0 or 1.
    """
    given = np.asarray(modalities)
    if given.dtype.kind == "U":
        words = [one.upper() for one in given.ravel().tolist()]
        if all(word in Modality.__members__ for word in words):
            given = np.array([Modality[word] for word in words]).reshape(given.shape)
    if given.shape not in ((), (count,)) or not np.isin(given, list(Modality)).all():
        raise DatasetError(
            f"modalities: expected 0 (visible) or 1 (infrared) for each of {counted(count, 'picture')}, found "
            f"{given.shape} with {np.unique(given).tolist()[:5]}; give one for each picture, or one for all"
        )
    return np.broadcast_to(given, count).astype(np.int64)
