"""Decode picture files: RGB arrays of a wanted size, by an exact or a fast decoder.

Every picture file is read by `read_file`, opened by `open_picture` and converted by `to_rgb`, here and nowhere else.

Two decoders turn a file into (H, W, 3) uint8:

- "pillow" is `load_image`: Pillow with Lanczos filtering, which made the arrays of the original; the reference.
- "fast" decodes JPEG with simplejpeg and resizes with OpenCV (`pip install 'mvd[fast]'`). Its mean and largest
  difference from "pillow", in grey levels of 255 on rendered pictures:

      203 … 290 high, to 288×144 or 384×192     0.36, 24
      434 … 614 high, by 0.9 / 0.75 / 0.5       0.33, 13 / 0.57, 34 / 0.66, 23
      434 … 614 high, by 0.25 / 0.15            0.99, 34 / 1.49, 29

  All of it comes from resizing. Decoding is exact as long as simplejpeg's `fastdct` and `fastupsample` stay off. Among
  OpenCV's fast modes, cubic is nearest to Pillow's Lanczos unless a side shrinks much, where averaging over areas is.
  Other formats are decoded by Pillow: OpenCV gains a tenth on PNG, and some versions accept damaged files.

Shapes: h, w height and width in the file; H, W the wanted ones, in pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, UnidentifiedImageError

from mvd.errors import ConfigError, DatasetError

Preprocessing: TypeAlias = Literal["inside", "outside"]
"""Whether an exported network takes pictures as they are and normalises them inside, or takes normalised ones."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's red, green and blue, from 0 to 1, which pre-trained encoders expect."""

Decoder = Literal["pillow", "fast"]
Decode = Callable[[Path, int, int], npt.NDArray[np.uint8]]

_AREA_BELOW = 0.75  # a side that shrinks below this share of its length is averaged over areas


def read_file(file: Path) -> bytes:
    """Read a picture file.

    Raises:
        DatasetError: the file is missing or cannot be read.
    """
    with _naming(file):
        return file.read_bytes()


@contextmanager
def open_picture(file: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open a picture with Pillow; whatever goes wrong until the context ends is an error that names the file.

    Args:
        file: the picture file.
        content: its bytes, where they have been read already.

    Raises:
        DatasetError: the file is missing, truncated, or not a picture.
    """
    content = read_file(file) if content is None else content
    with _naming(file), Image.open(io.BytesIO(content)) as picture:
        yield picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to RGB."""
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # RGB would only be copied


def load_image(file: Path, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Decode a picture, convert it to RGB and resize it with Lanczos filtering.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DatasetError: the file is missing, truncated, or not a picture.
    """
    with open_picture(file) as picture:
        return np.asarray(to_rgb(picture).resize((width, height), Image.Resampling.LANCZOS))


def verify_image(file: Path) -> None:
    """Check that a picture can be decoded to its last byte.

    A JPEG is decoded at an eighth of its size, which finds the same damage in about half the time.

    Raises:
        DatasetError: the file is missing, truncated, or not a picture.
    """
    with open_picture(file) as picture:
        picture.draft("RGB", (1, 1))
        picture.load()


def load_decoder(decoder: Decoder) -> tuple[Decode, str]:
    """Return the function (file, H, W) → (H, W, 3) uint8 of a decoder.

    Returns:
        The function, and the versions of the packages that decide its pixels.

    Raises:
        ConfigError: the decoder's packages are not installed, or there is no such decoder.
    """
    if decoder == "pillow":
        return load_image, f"pillow {PIL.__version__}"
    if decoder != "fast":
        raise ConfigError(f"decoder: expected pillow or fast, found {decoder!r}")
    try:
        import cv2
        import simplejpeg
    except ImportError as error:
        raise ConfigError(
            f"decoder: expected the packages of the fast decoder, could not load them ({error}); install them with: "
            f"pip install 'mvd[fast]'"
        ) from error
    versions = f"simplejpeg {simplejpeg.__version__}, opencv {cv2.__version__}, pillow {PIL.__version__}"
    return _load_fast, versions


def _load_fast(file: Path, height: int, width: int) -> npt.NDArray[np.uint8]:
    content = read_file(file)
    pixels = _decode_jpeg(content)
    if pixels is None:
        with open_picture(file, content) as picture:
            pixels = np.asarray(to_rgb(picture))
    return _resize_fast(pixels, height, width)


def _decode_jpeg(content: bytes) -> npt.NDArray[np.uint8] | None:
    """Decode a JPEG to (h, w, 3) uint8; None for other formats and for damaged files, whose fault Pillow names."""
    import simplejpeg

    if not content.startswith(b"\xff\xd8"):
        return None
    try:
        return np.asarray(simplejpeg.decode_jpeg(content))
    except ValueError:
        return None


def _resize_fast(pixels: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Resize (h, w, 3) to (H, W, 3): average the sides that shrink much, then interpolate the others."""
    import cv2

    h, w = pixels.shape[:2]
    averaged = height if height < _AREA_BELOW * h else h, width if width < _AREA_BELOW * w else w
    if averaged != (h, w):
        pixels = np.asarray(cv2.resize(pixels, averaged[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if averaged != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return pixels


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a picture is read into an error that names its file."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise damaged(file, "expected a picture, could not read it (unknown format)") from error
    # The type of Pillow's errors for damaged files depends on the format.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise damaged(file, f"expected a picture, could not read it ({reason})") from error


def damaged(file: Path, defect: str) -> DatasetError:
    """Make the error of a file that is no usable picture."""
    return DatasetError(f"{file}: {defect}; restore the file or remove it")
