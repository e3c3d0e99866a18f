"""Decode picture files to RGB arrays of a given size.

All picture files are read by `read_file`, opened by `open_picture` and converted by `to_rgb`. The table "Picture files"
in docs/datasets.md lists what they accept, refuse and convert; examples/onnx_search.py does the same.

Shapes: h, w height and width in the file; H, W the requested height and width, in pixels.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from mvd.errors import DatasetError, MvdError
from mvd.files.regular import require_regular

Preprocessing: TypeAlias = Literal["inside", "outside"]
"""Normalisation of an exported network's input: in the network ("inside"), or by the caller ("outside")."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's red, green and blue, from 0 to 1, which pre-trained encoders expect."""

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "PPM": (".pbm", ".pgm", ".ppm", ".pnm", ".pfm"),
    "PCX": (".pcx",),
    "QOI": (".qoi",),
    "SGI": (".sgi", ".rgb", ".rgba", ".bw"),
    "SUN": (".ras",),
    "TGA": (".tga",),
}
"""Supported formats, by Pillow's names, and their suffixes. Others are not opened: EPS would run Ghostscript."""

MOST_PIXELS = 1 << 24
"""Largest number of pixels that is decoded; a JPEG may have four times as many, and is decoded at half its size."""

_MOST_BYTES = 1 << 28  # largest file
_COMMON = ("JPEG", "PNG", "BMP")  # Pillow opens them without loading all its plugins
_PERCENTILES = (0.5, 99.5)  # mapped to black and white if there are more than eight bits
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The size limit of `open_picture` is lower than that of Pillow's warning, and its error names the file.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_file(file: Path) -> bytes:
    """Read a picture file.

    Raises:
        DatasetError: the file is missing, cannot be read, is not a regular file, or is larger than 256 MB.
    """
    with _naming(file):
        require_regular(file)
        if file.stat().st_size > _MOST_BYTES:
            raise damaged(file, f"expected a picture file of at most {_MOST_BYTES >> 20} MB, found a larger one")
        return file.read_bytes()


@contextmanager
def open_picture(file: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open a picture with Pillow; any error within the context is raised as an error that names the file.

    The picture is not decoded yet, so that a large picture is refused before it takes memory.

    Args:
        file: the picture file.
        content: its bytes, if they have been read already.

    Raises:
        DatasetError: the file is missing, truncated, too large, or not a picture in one of `FORMATS`.
    """
    content = read_file(file) if content is None else content
    with _naming(file), _open(content) as picture:
        width, height = picture.size
        # A progressive JPEG is decoded in memory as a whole, even at a reduced size.
        halves = picture.format in ("JPEG", "MPO") and not picture.info.get("progressive")
        if width * height > MOST_PIXELS * (4 if halves else 1):
            raise _too_large(file, f"{height}×{width}")
        yield picture


def reduce_jpeg(picture: Image.Image) -> None:
    """Decode a JPEG at an eighth of its size, which detects the same damage in about half the time."""
    picture.draft("RGB", (1, 1))


def to_rgb(picture: Image.Image, *, upright: bool = False) -> Image.Image:
    """Convert a picture of any mode to 8-bit RGB.

    A picture with one channel of more than eight bits (modes I;16, I and F) is scaled linearly: its 0.5th and 99.5th
    percentiles become 0 and 255, and values beyond them are clipped.

    Args:
        picture: the picture; of several frames, the present one, which is the first by default.
        upright: whether to rotate and mirror it by its EXIF orientation.

    Raises:
        ValueError: its levels are not finite.
    """
    width, height = picture.size
    if width * height > MOST_PIXELS:
        picture.draft("RGB", (width // 2, height // 2))
    turn = _UPRIGHT.get(orientation(picture)) if upright else None
    if picture.mode.startswith(("I", "F")):
        picture = Image.fromarray(_eight_bits(np.asarray(picture)))
    if picture.mode != "RGB":  # converting RGB would only copy it
        picture = picture.convert("RGB")
    return picture if turn is None else picture.transpose(turn)


def orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation of a picture, 1 … 8; 1 (upright) if it has none or it cannot be read."""
    try:
        if picture.format == "TIFF":  # Pillow rotates these itself
            return 1
        found = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # the type depends on the error in the metadata
        return 1
    return found if found in _UPRIGHT else 1


def load_image(file: Path, height: int, width: int, *, upright: bool = False) -> npt.NDArray[np.uint8]:
    """Decode a picture, convert it to RGB and resize it with Lanczos filtering.

    Args:
        file: the picture file.
        height: H.
        width: W.
        upright: whether to rotate it by its EXIF orientation; used for own pictures, not for benchmarks.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DatasetError: the file is missing, truncated, or not a picture.
    """
    with open_picture(file) as picture:
        return np.asarray(to_rgb(picture, upright=upright).resize((width, height), Image.Resampling.LANCZOS))


def verify_image(file: Path) -> None:
    """Check that a picture can be decoded to its last byte and converted.

    Raises:
        DatasetError: the file is missing, truncated, or not a picture.
    """
    with open_picture(file) as picture:
        reduce_jpeg(picture)
        picture.load()
        to_rgb(picture)


def _open(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=_COMMON)
    except UnidentifiedImageError:
        Image.init()  # Pillow would only load all formats when an unknown one is requested
        return Image.open(io.BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN])


def _eight_bits(levels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale levels (h, w) linearly, so that two of their percentiles become 0 and 255."""
    if not np.isfinite(levels).all():
        raise ValueError("levels that are not finite")
    low, high = np.percentile(levels, _PERCENTILES)
    return np.asarray(np.rint(np.clip((levels - low) / max(high - low, 1e-30), 0, 1) * 255), dtype=np.uint8)


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Convert any error while a picture is read to an error that names its file."""
    try:
        yield
    except MvdError:
        raise
    except UnidentifiedImageError as error:
        raise damaged(file, "expected a picture, could not read it (unknown format)") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(file, "many more") from error
    except Exception as error:  # The type of Pillow's errors for damaged files depends on the format.
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        raise damaged(file, f"expected a picture, could not read it ({reason})") from error


def _too_large(file: Path, found: str) -> DatasetError:
    return damaged(file, f"expected at most {MOST_PIXELS:,} pixels ({4 * MOST_PIXELS:,} of a JPEG), found {found}")


def damaged(file: Path, defect: str) -> DatasetError:
    """Build the error for a file that is not a usable picture."""
    return DatasetError(f"{file}: {defect}; restore the file or remove it")
