"""Pictures of a report as data URIs: small JPEGs, and heat maps over them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.data.images import open_picture, to_rgb

_HEIGHT = 128


def thumbnail(file: Path, *, upright: bool) -> str:
    """Return a thumbnail of a picture as a data URI: RGB, at most 128 pixels high.

    Raises:
        DatasetError: the picture cannot be read.
    """
    return _uri(_small(file, upright))


def overlay(file: Path, heat: npt.NDArray[np.float32], *, upright: bool) -> str:
    """Overlay a heat map (H, W), from 0 (dark violet) to 1 (bright yellow), on a picture in grey.

    Raises:
        DatasetError: the picture cannot be read.
    """
    picture = _small(file, upright)
    grey = np.asarray(picture.convert("L").convert("RGB"), np.float32)
    levels = Image.fromarray((heat * 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BILINEAR)
    share = np.asarray(levels, np.float32) / np.float32(255)
    blend = np.float32(0.6) * share[..., None]
    return _uri(Image.fromarray((grey * (1 - blend) + _warm(share) * blend).astype(np.uint8)))


def _warm(share: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Interpolate linearly between sampled colours of matplotlib's "inferno"."""
    corners = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float32)
    places = np.linspace(0, 1, len(corners))
    return np.stack([np.interp(share, places, corners[:, c]) for c in range(3)], axis=-1).astype(np.float32)


def _small(file: Path, upright: bool) -> Image.Image:
    with open_picture(file) as opened:
        picture = to_rgb(opened, upright=upright)
        height = min(_HEIGHT, picture.height)
        return picture.resize((max(1, picture.width * height // picture.height), height), Image.Resampling.LANCZOS)


def _uri(picture: Image.Image) -> str:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
