"""What was asked on the page: uploaded pictures, checked before they are decoded, and kept in memory for a while.

Nothing that is uploaded is kept on the disk. A query is known by a random name, so that filters can be changed and a
result exported without sending the picture again.
"""

from __future__ import annotations

import io
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from PIL import Image

from mvd.data.images import open_picture, to_rgb
from mvd.data.samples import Modality
from mvd.errors import DatasetError
from mvd.results.embeddings import Embeddings

MOST_BYTES = 20_000_000
"""Of an upload."""

MOST_PICTURES = 8
"""Of a query."""

_KEPT = 64
_HEIGHT = 192


@dataclass(frozen=True)
class Asked:
    """A query: embeddings of uploaded pictures, or rows of the gallery.

    Attributes:
        embeddings: None where rows are asked with.
        thumbnails: JPEG files of the pictures.
        like: rows of the gallery.
    """

    embeddings: Embeddings | None = None
    thumbnails: tuple[bytes, ...] = ()
    like: tuple[str, ...] = ()

    @property
    def modality(self) -> Modality | None:
        """Of the first picture."""
        return None if self.embeddings is None else Modality(int(self.embeddings.modalities[0]))


@dataclass
class Queries:
    """The latest queries, by their random names."""

    _kept: OrderedDict[str, Asked] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, asked: Asked) -> str:
        """Keep a query, and return its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = asked
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Asked | None:
        """Return a query; None where it is not kept any more."""
        with self._lock:
            return self._kept.get(name)


def read_upload(content: bytes, name: str) -> Image.Image:
    """Read an uploaded picture as RGB, upright; its size in bytes and in pixels is checked before it is decoded.

    Raises:
        DatasetError: it is too large, or no picture.
    """
    if len(content) > MOST_BYTES:
        raise DatasetError(f"{name}: expected at most {MOST_BYTES // 1_000_000} MB, found {len(content) / 1e6:.0f} MB")
    with open_picture(Path(name or "picture"), content) as picture:
        return to_rgb(picture, upright=True).copy()


def to_thumbnail(picture: Image.Image) -> bytes:
    """Make a small JPEG file of a picture."""
    small = picture.copy()
    small.thumbnail((_HEIGHT * 2, _HEIGHT))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()
