"""The gallery behind the page: used by one request at a time, with statistics cached per version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from mvd.commands.pictures.gallery import Gallery
from mvd.commands.pictures.gallery_pictures import FOLDER, is_model
from mvd.errors import GalleryError
from mvd.gallery.filters import Filter
from mvd.page.queries import Asked
from mvd.results.gallery import Answer, GalleryStats


class SharedGallery:
    """A gallery that several threads can use.

    Args:
        gallery: the gallery, used only through this object from now on.
        false_alarms: as for `Gallery.search`.

    Attributes:
        place: path or URL of the gallery.
        name: its name, of a folder of pictures that folder's.
    """

    def __init__(self, gallery: Gallery, *, false_alarms: float) -> None:
        self._gallery, self._false_alarms = gallery, false_alarms
        self._lock = Lock()
        self._stats: tuple[tuple[str, int], GalleryStats] | None = None
        self.place = gallery.place
        place = Path(gallery.place)
        self.name = place.absolute().parent.name if place.name == FOLDER else place.name

    @contextmanager
    def held(self) -> Iterator[Gallery]:
        """Use the gallery exclusively."""
        with self._lock:
            yield self._gallery

    def stats(self) -> GalleryStats:
        """Return the gallery's statistics; recomputed only after a change, since 100,000 pictures take a second."""
        with self.held() as gallery:
            gallery.table.refresh()
            if self._stats is None or self._stats[0] != gallery.table.state:
                self._stats = gallery.table.state, gallery.stats(recall=False)
            return self._stats[1]

    def search(self, asked: Asked, only: Filter, *, top: int, rerank: bool) -> Answer:
        """Search with a query.

        Raises:
            GalleryError: the query was embedded before another process embedded the gallery with another model.
        """
        with self.held() as gallery:
            gallery.table.refresh()
            if asked.embeddings is not None and not is_model(gallery.table.settings.model, asked.embeddings.model):
                raise GalleryError(
                    "expected a query for the gallery's present model, found one of an earlier model; upload the "
                    "pictures again"
                )
            return gallery.search(
                [] if asked.embeddings is None else [asked.embeddings],
                like=asked.like,
                only=only,
                top=top,
                rerank=rerank,
                false_alarms=self._false_alarms,
            )

    def folder(self) -> Path:
        """Return the folder in which verdicts are saved.

        Raises:
            GalleryError: the gallery is in a shared store.
        """
        folder = Path(self.place)
        if not folder.is_dir():
            raise GalleryError(f"{folder}: expected a gallery in a folder, to save verdicts in, found a shared store")
        return folder
