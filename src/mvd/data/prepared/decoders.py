"""The two decoders of `mvd prepare`: functions from a file to an array (H, W, 3) uint8.

- "pillow" is `mvd.data.images.load_image`: Pillow with Lanczos filtering, which made the arrays of the original; the
  reference.
- "fast" decodes JPEG with simplejpeg and resizes with OpenCV (`pip install 'mvd[fast]'`). Its mean and largest
  difference from "pillow", in grey levels of 255 on rendered pictures:

      203 … 290 high, to 288×144 or 384×192     0.36, 24
      434 … 614 high, by 0.9 / 0.75 / 0.5       0.33, 13 / 0.57, 34 / 0.66, 23
      434 … 614 high, by 0.25 / 0.15            0.99, 34 / 1.49, 29

  All differences come from resizing: decoding is exact while simplejpeg's `fastdct` and `fastupsample` are off. Cubic
  interpolation is the fast mode closest to Lanczos, or area averaging if a side shrinks a lot. Pillow decodes all other
  formats: OpenCV is only a tenth faster on PNG, and some versions accept damaged files.

Shapes: h, w height and width in the file; H, W the requested height and width, in pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import PIL

from mvd.data.images import MOST_PIXELS, load_image, open_picture, read_file, to_rgb
from mvd.errors import ConfigError

Decoder = Literal["pillow", "fast"]

_AREA_BELOW = 0.75  # a side that shrinks below this fraction of its length is averaged over areas


class Decode(Protocol):
    """A decoder: returns the resized picture of a file, (H, W, 3) uint8."""

    def __call__(self, file: Path, height: int, width: int, *, upright: bool = False) -> npt.NDArray[np.uint8]: ...


def load_decoder(decoder: Decoder) -> tuple[Decode, str]:
    """Return the function (file, H, W) → (H, W, 3) uint8 of a decoder.

    Returns:
        The function, and the versions of the packages that determine its pixels.

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


def _load_fast(file: Path, height: int, width: int, *, upright: bool = False) -> npt.NDArray[np.uint8]:
    content = read_file(file)
    turned = upright and (b"Exif\0\0" in content or b"tiff:Orientation" in content)
    pixels = None if turned else _decode_jpeg(content)
    if pixels is None:
        with open_picture(file, content) as picture:
            pixels = np.asarray(to_rgb(picture, upright=upright))
    return _resize_fast(pixels, height, width)


def _decode_jpeg(content: bytes) -> npt.NDArray[np.uint8] | None:
    """Decode a JPEG to (h, w, 3) uint8; None for other formats, large and damaged files, which Pillow handles."""
    import simplejpeg

    if not content.startswith(b"\xff\xd8"):
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(content)
        return np.asarray(simplejpeg.decode_jpeg(content)) if height * width <= MOST_PIXELS else None
    except ValueError:
        return None


def _resize_fast(pixels: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Resize (h, w, 3) to (H, W, 3): average the sides that shrink a lot, then interpolate the others."""
    import cv2

    h, w = pixels.shape[:2]
    averaged = height if height < _AREA_BELOW * h else h, width if width < _AREA_BELOW * w else w
    if averaged != (h, w):
        pixels = np.asarray(cv2.resize(pixels, averaged[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if averaged != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return pixels
