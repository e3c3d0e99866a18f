"""`mvd gallery`: one's own pictures, added, searched, shown and removed.

Everything is a method of `Gallery`, which takes pictures; the room `mvd.gallery` takes embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mvd.commands.pictures.gallery_adding import Adding
from mvd.commands.pictures.gallery_pictures import Source, list_sources
from mvd.commands.pictures.gallery_searching import Searching
from mvd.data.own.listing import Listed, list_pictures
from mvd.data.progress import Progress
from mvd.data.samples import Modality
from mvd.errors import ConfigError, GalleryError
from mvd.files.atomic import replacing, writing
from mvd.files.regular import real_path
from mvd.gallery.columns import ABOUT, ROW
from mvd.gallery.filters import Filter, any_of, below, every
from mvd.gallery.forget import remove_rows
from mvd.gallery.search import to_entry
from mvd.gallery.stats import gallery_stats
from mvd.results.embeddings import Embeddings
from mvd.results.gallery import Added, Audit, Entry, GalleryStats, Removed


class Gallery(Adding, Searching):
    """A gallery of pictures of people: in a folder, or in a shared store.

    Args:
        address: a folder; an address such as "s3://bucket/people"; or a folder of pictures, whose gallery is the folder
            `.mvd-gallery` in it. What does not exist is made by `add`.
        model: what opens its model (`mvd.inference.models.open_model`); None takes the one that it was made with, and
            "rendered", the model in the box, for a new one.
        keep: whether to keep embeddings in memory from one search to the next, where search is exact.
        exact_rows: rows up to which it is.
        note: called with lines for the user, such as which model is taken.

    Raises:
        GalleryError: there is a gallery, and it cannot be opened.
        ConfigError: the package lancedb is not installed.
    """

    def add(
        self,
        sources: Source | Sequence[Source],
        *,
        modality: Modality | None = None,
        camera: str | None = None,
        identity: str | None = None,
        tags: Sequence[str] = (),
        skip_bad: bool = False,
        keep_days: float | None = None,
        again: bool = False,
        progress: Progress | None = None,
    ) -> Added:
        """Add pictures; those that are there already, by content and path, are skipped.

        Args:
            sources: files, folders, glob patterns, CSV tables, files of embeddings (.parquet, .npz), or `Embeddings`.
            modality: of all pictures; None takes a table's, a folder's, or guesses it from the pixels.
            camera: of all pictures that no table names one for.
            identity: of all pictures, likewise.
            tags: of all pictures, beside a table's.
            skip_bad: skip files that are no pictures, instead of adding nothing beyond them.
            keep_days: set the gallery's retention: rows are removed so many days after they were added. 0 is for ever.
            again: embed the whole gallery again with the given model, first.
            progress: called with (pictures done, pictures in all).

        Raises:
            GalleryError: the gallery has another model, or cannot be written.
            DatasetError: a source is not there, or a file is no picture.
        """
        if keep_days is not None and not 0 <= keep_days <= 36_500:
            raise ConfigError(f"keep-days: expected 0 (for ever) to 36,500, found {keep_days:g}")
        several = [sources] if isinstance(sources, str | Path | Embeddings) else list(sources)
        paths, ready = list_sources(several)
        if again:
            self._embed_again(progress)
        listed = [_described(one, camera, identity, tags) for one in list_pictures(paths, modality)] if paths else []
        if ready:
            done = self._add_rows(ready, None, progress, present=0, skipped=(), total=sum(map(len, ready)))
        if listed or not ready:
            if not listed and self._table is None and keep_days is None and not again:
                raise ConfigError("expected pictures or embeddings to add, found none; name some")
            more = self._add_pictures(listed, folder=None, skip_bad=skip_bad, progress=progress)
            done = (
                more
                if not ready
                else replace(
                    more,
                    added=done.added + more.added,
                    present=done.present + more.present,
                    made=done.made or more.made,
                )
            )
        if keep_days is not None:
            self.table.set(keep_days=keep_days or None)
        expired = self._settle()
        with self._changing() as table:
            table.tidy()
        self._index()
        return replace(done, expired=done.expired + expired, rows=self.table.count())

    def remove(
        self,
        rows: Sequence[str] = (),
        *,
        paths: Sequence[str | Path] = (),
        only: Filter | None = None,
        expired: bool = False,
    ) -> Removed:
        """Remove rows for good: embeddings, thumbnails, index entries and older versions of the table.

        Args:
            rows: their names, or the first digits of them.
            paths: files, or folders with all that is below them.
            only: further conditions; all that are given hold at once.
            expired: only those that are older than the gallery keeps rows.

        Raises:
            ConfigError: no condition is given.
            GalleryError: a row is not there, or LanceDB cannot remove.
        """
        condition = (only or Filter()).condition()
        if not rows and not paths and condition is None:
            if not expired:
                raise ConfigError(
                    "expected which rows to remove, found no condition; name rows, paths, an identity, a tag, a camera "
                    "or a date"
                )
            gone = self._settle()
            return Removed(gallery=self.place, rows=gone, left=self.table.count(), back=0)
        gone = self._settle() if expired else 0
        with self._changing() as table:
            named = any_of(ROW, self._names(rows)) if rows else None
            where = every([named, f"({' OR '.join(map(below, paths))})" if paths else None, condition])
            assert where is not None
            back = self._followed(table.read(["path"], where).column("path").to_pylist())
            gone += remove_rows(table, self._log, where, condition=self._salted(where))
        self._index()
        return Removed(gallery=self.place, rows=gone, left=self.table.count(), back=back)

    def rows(self, rows: Sequence[str] = (), *, only: Filter | None = None, limit: int | None = 20) -> list[Entry]:
        """Read what is known of rows, the latest pictures first."""
        with self._reading() as table:
            named = any_of(ROW, self._names(rows)) if rows else None
            found = table.read(ABOUT, every([named, (only or Filter()).condition()]))
        order = found.sort_by([("time", "descending"), ("path", "ascending")]).slice(0, limit)
        return [to_entry(row) for row in order.to_pylist()]

    def thumbnail(self, row: str) -> bytes:
        """Return the thumbnail of a row, a JPEG file; empty where there is none."""
        with self._reading() as table:
            found = table.read(["thumbnail"], any_of(ROW, self._names([row])))
        return bytes(found.column("thumbnail")[0].as_py() or b"")

    def save_thumbnail(self, row: str, file: str | Path) -> None:
        """Write the thumbnail of a row into a JPEG file.

        Raises:
            GalleryError: the row is not there, or has none.
            RunError: the file cannot be written.
        """
        content = self.thumbnail(row)
        if not content:
            raise GalleryError(
                f"{self.place}: expected a thumbnail of the row {row}, found none; its picture could not be read when "
                f"it was added"
            )
        with writing(Path(file)), replacing(Path(file)) as temporary:
            temporary.write_bytes(content)

    def stats(self, *, recall: bool = True) -> GalleryStats:
        """Count what is in it, and measure the recall of its index."""
        with self._reading() as table:
            return gallery_stats(table, recall=recall)

    def audit(self) -> Audit:
        """Verify the chain of its log."""
        assert self.table is not None  # that there is a gallery
        return self._log.audit()

    def _followed(self, paths: Sequence[str]) -> int:
        """Count pictures that a search would add again, because they are in the folder that the gallery follows."""
        folder = self.table.settings.folder
        return 0 if folder is None else sum(Path(path).is_relative_to(folder) and Path(path).exists() for path in paths)


def _described(picture: Listed, camera: str | None, identity: str | None, tags: Sequence[str]) -> Listed:
    path = Path(picture.path)
    return picture._replace(
        path=str(real_path(path)),
        camera=picture.camera or camera,
        identity=picture.identity or identity,
        tags=tuple(dict.fromkeys((*picture.tags, *tags))),
    )
