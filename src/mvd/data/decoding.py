"""The two ways from a picture file to an array of a wanted size: exact, or several times as fast.

"pillow" is `mvd.data.images.load_image`: the original's arrays, bit for bit. "fast" decodes JPEG with simplejpeg and
resizes with OpenCV, which the extra `mvd[fast]` brings. How far the two are apart, in grey levels of 255, mean over
all values and largest of all, on rendered pictures:

    203 … 290 high, to 288×144 or 384×192     0.36, 24
    434 … 614 high, by 0.9 / 0.75 / 0.5       0.33, 13 / 0.57, 34 / 0.66, 23
    434 … 614 high, by 0.25 / 0.15            0.99, 34 / 1.49, 29

All of it comes from resizing. Decoding is exact as long as simplejpeg's `fastdct` and `fastupsample` stay off: they
save a tenth of its time, and differ by 0.87 and 0.55 in the mean, 6 and 46 at most. Of OpenCV's modes, cubic is
nearest to Pillow's Lanczos among those that keep the speed (linear: 0.83; its own Lanczos: 0.27, four times as long),
until a picture shrinks so far that points between four pixels no longer stand for what they replace: from there on,
averaging over areas is.

Formats other than JPEG are decoded by Pillow here too: OpenCV gains a tenth on PNG, and does not refuse whatever is
damaged in all of its versions.

Shapes: h, w a picture's height and width in its file, H, W the ones that are wanted, in pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from mvd.data.images import load_image, naming_damage
from mvd.errors import ConfigError

Decoder = Literal["pillow", "fast"]
Decode = Callable[[Path, int, int], npt.NDArray[np.uint8]]

_AVERAGED = 0.75  # a side that shrinks to less of its length is averaged


def load_decoder(decoder: Decoder) -> tuple[Decode, str]:
    """Find the function that reads a file as (H, W, 3) uint8, given the file, H and W.

    Returns:
        The function, and the packages behind it with their versions: what decides its pictures, bit for bit.

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
    with naming_damage(file):
        pixels = _decode(file.read_bytes())
    return _resize(pixels, height, width)


def _decode(content: bytes) -> npt.NDArray[np.uint8]:
    """Decode a file's content to (h, w, 3) uint8."""
    import simplejpeg

    if content.startswith(b"\xff\xd8"):
        try:
            return np.asarray(simplejpeg.decode_jpeg(content))
        except ValueError:
            pass  # damaged, or of a kind that it does not know: Pillow tells which
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _resize(pixels: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Resize (h, w, 3) to (H, W, 3): average the sides that shrink much, then bring all of them to their lengths."""
    import cv2

    h, w = pixels.shape[:2]
    averaged = height if height < _AVERAGED * h else h, width if width < _AVERAGED * w else w
    if averaged != (h, w):
        pixels = np.asarray(cv2.resize(pixels, averaged[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if averaged != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    return pixels
