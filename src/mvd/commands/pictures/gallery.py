"""`mvd gallery`: add, search, show and remove the user's own pictures.

`Gallery` works on pictures; the package `mvd.gallery` works on embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from mvd.commands.pictures.gallery_adding import Adding
from mvd.commands.pictures.gallery_pictures import Source, list_sources
from mvd.commands.pictures.gallery_searching import Searching
from mvd.data.own.listing import Listed, list_pictures
from mvd.data.progress import Progress
from mvd.data.samples import Modality, modality_of
from mvd.errors import ConfigError, GalleryError
from mvd.files.atomic import replacing, writing
from mvd.files.regular import real_path
from mvd.files.several import several
from mvd.gallery.columns import ABOUT, ROW
from mvd.gallery.filters import Filter, any_of, below, every
from mvd.gallery.forget import remove_rows
from mvd.gallery.search import to_entry
from mvd.gallery.stats import describe_unmet, gallery_stats
from mvd.results.gallery import Added, Audit, Entry, GalleryStats, Removed


class Gallery(Adding, Searching):
    """A searchable gallery of pictures of people, in a folder or a shared store.

    An open gallery holds its model and embeddings until it is closed: by `close`, or at the end of a `with` block.

    Args:
        address: a folder; a URL such as "s3://bucket/people"; or a folder of pictures, whose gallery is its subfolder
            `.mvd-gallery`. `add` creates a gallery that does not exist.
        model: the model, as for `mvd.inference.models.open_model`; None uses the gallery's own model, and for a new
            gallery "rendered", the model in the box.
        keep: keep embeddings in memory between searches, if search is exact.
        exact_rows: maximum number of rows for exact search.
        note: called with lines to show to the user, such as the name of the default model.

    Raises:
        GalleryError: the gallery exists, but cannot be opened.
        ConfigError: the package lancedb is not installed.
    """

    def add(
        self,
        sources: Source | Sequence[Source],
        *,
        modality: Modality | Literal["visible", "infrared"] | None = None,
        camera: str | None = None,
        identity: str | None = None,
        tags: str | Sequence[str] = (),
        skip_bad: bool = False,
        keep_days: float | None = None,
        again: bool = False,
        progress: Progress | None = None,
    ) -> Added:
        """Add pictures; skip pictures that the gallery already has, by content and path.

        Args:
            sources: files, folders, glob patterns, CSV tables, files of embeddings (.parquet, .npz), or `Embeddings`.
            modality: modality of all pictures; None uses the table or the folder's name, or guesses from the pixels.
            camera: camera of all pictures without one in a table.
            identity: identity of all pictures without one in a table.
            tags: tags of all pictures, in addition to those in a table.
            skip_bad: skip files that are not pictures, instead of stopping at the first.
            keep_days: set the gallery's retention: days after which a row is removed; 0 sets no limit.
            again: first embed the whole gallery again with the given model.
            progress: called with (pictures done, pictures in total).

        Raises:
            GalleryError: the gallery has another model, or cannot be written.
            DatasetError: a source does not exist, or a file is not a picture.
        """
        self._require_open()
        if keep_days is not None and not 0 <= keep_days <= 36_500:
            raise ConfigError(f"keep-days: expected 0 (no limit) to 36,500, found {keep_days:g}")
        for what, name in (("camera", camera), ("identity", identity)):
            if name is not None and not isinstance(name, str):
                raise ConfigError(f"{what}: expected a name as text, found {name!r}")
        told = None if modality is None else modality_of(modality)
        tags = several(tags)
        paths, ready = list_sources(several(sources))
        if again:
            self._embed_again(progress)
        listed = [_described(one, camera, identity, tags) for one in list_pictures(paths, told)] if paths else []
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
            with self._changing() as table:
                table.set(keep_days=keep_days or None)
        expired = self._settle()
        with self._changing() as table:
            table.tidy()
        self._index()
        return replace(done, expired=done.expired + expired, rows=self.table.count())

    def remove(
        self,
        rows: str | Sequence[str] = (),
        *,
        paths: str | Path | Sequence[str | Path] = (),
        only: Filter | None = None,
        expired: bool = False,
    ) -> Removed:
        """Remove rows permanently, with embeddings, thumbnails, index entries and older versions of the table.

        Rows must meet all given conditions.

        Args:
            rows: identifiers of rows, or their first digits; or one.
            paths: files or folders, or one; folders include everything below them.
            only: further conditions.
            expired: remove rows older than the gallery's retention, and no others.

        Raises:
            ConfigError: no condition is given, or others beside `expired`.
            GalleryError: a row does not exist, or LanceDB failed.
        """
        rows, paths = several(rows), several(paths)
        condition = (only or Filter()).condition()
        named_otherwise = bool(rows or paths or condition is not None)
        if expired and named_otherwise:
            raise ConfigError(
                "expired: expected no other condition beside it, found some; rows that are too old are removed in any "
                "case: leave --expired out to remove others"
            )
        if expired:
            return Removed(gallery=self.place, rows=self._settle(), left=self.table.count(), back=0)
        if not named_otherwise:
            raise ConfigError(
                "expected which rows to remove, found no condition; name rows, paths, an identity, a tag, a camera "
                "or a date"
            )
        with self._changing() as table:
            named = any_of(ROW, self._names(rows)) if rows else None
            where = every([named, f"({' OR '.join(map(below, paths))})" if paths else None, condition])
            assert where is not None
            back = self._followed(table.read(["path"], where).column("path").to_pylist())
            gone = remove_rows(table, self._log, where, condition=self._salted(where))
            if not gone:
                self._explain(only)
                for path in paths:
                    if not table.count(below(path)):
                        self._note(f"{self.place}: no picture here is {path} or below it, {real_path(path)}")
        self._index()
        return Removed(gallery=self.place, rows=gone, left=self.table.count(), back=back)

    def rows(
        self, rows: str | Sequence[str] = (), *, only: Filter | None = None, limit: int | None = 20
    ) -> list[Entry]:
        """Return entries of rows, latest pictures first.

        Raises:
            ConfigError: the limit is not positive.
            GalleryError: a row does not exist.
        """
        if limit is not None and limit < 1:
            raise ConfigError(f"top: expected at least 1 row, found {limit}")
        rows = several(rows)
        with self._reading() as table:
            named = any_of(ROW, self._names(rows)) if rows else None
            found = table.read(ABOUT, every([named, (only or Filter()).condition()]))
            if not found.num_rows:
                self._explain(only)
        order = found.sort_by([("time", "descending"), ("path", "ascending")]).slice(0, limit)
        return [to_entry(row) for row in order.to_pylist()]

    def thumbnail(self, row: str) -> bytes:
        """Return the thumbnail of a row as JPEG bytes; empty if it has none."""
        with self._reading() as table:
            found = table.read(["thumbnail"], any_of(ROW, self._names([row])))
        return bytes(found.column("thumbnail")[0].as_py() or b"")

    def save_thumbnail(self, row: str, file: str | Path) -> None:
        """Write the thumbnail of a row to a JPEG file.

        Raises:
            GalleryError: the row does not exist, or has no thumbnail.
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
        """Compute statistics of the gallery, with the recall of its index if `recall` is set."""
        with self._reading() as table:
            return gallery_stats(table, recall=recall)

    def audit(self) -> Audit:
        """Verify the hash chain of the log."""
        assert self.table is not None  # raises if there is no gallery
        return self._log.audit()

    def _explain(self, only: Filter | None) -> None:
        """Say which values of a filter no row has."""
        for line in describe_unmet(self.table, only or Filter()):
            self._note(f"{self.place}: {line}")

    def _followed(self, paths: Sequence[str]) -> int:
        """Count pictures that the next search would add again, since they are in the followed folder."""
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
