"""Queries of the page: uploaded pictures, validated before decoding, of which the latest are kept in memory.

Uploads are never written to disk. A query has a random name, so that filters can be changed and results exported
without uploading the pictures again.
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
"""Maximum size of an uploaded picture, in bytes."""

MOST_PICTURES = 8
"""Maximum number of pictures of a query."""

_KEPT = 64
_HEIGHT = 192


@dataclass(frozen=True)
class Asked:
    """A query: embeddings of uploaded pictures, or rows of the gallery.

    Attributes:
        embeddings: embeddings of the pictures; None for a search with rows.
        thumbnails: JPEG thumbnails of the pictures.
        like: identifiers of rows of the gallery.
    """

    embeddings: Embeddings | None = None
    thumbnails: tuple[bytes, ...] = ()
    like: tuple[str, ...] = ()

    @property
    def modality(self) -> Modality | None:
        """Modality of the first picture."""
        return None if self.embeddings is None else Modality(int(self.embeddings.modalities[0]))


@dataclass
class Queries:
    """The latest queries by their random names; thread-safe."""

    _kept: OrderedDict[str, Asked] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def keep(self, asked: Asked) -> str:
        """Store a query, and return its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = asked
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Asked | None:
        """Return a query; None if it is no longer stored."""
        with self._lock:
            return self._kept.get(name)


def read_upload(content: bytes, name: str) -> Image.Image:
    """Decode an uploaded picture to RGB, in upright orientation; check its size in bytes and pixels before decoding.

    Raises:
        DatasetError: it is too large, or not a picture.
    """
    if len(content) > MOST_BYTES:
        raise DatasetError(f"{name}: expected at most {MOST_BYTES // 1_000_000} MB, found {len(content) / 1e6:.0f} MB")
    with open_picture(Path(name or "picture"), content) as picture:
        return to_rgb(picture, upright=True).copy()


def to_thumbnail(picture: Image.Image) -> bytes:
    """Create a JPEG thumbnail of a picture."""
    small = picture.copy()
    small.thumbnail((_HEIGHT * 2, _HEIGHT))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()
