"""Add pictures to a gallery, follow a folder of pictures, and re-embed a gallery with another model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mvd.commands.pictures.gallery_pictures import (
    FOLDER,
    embed_again,
    embed_pictures,
    find_changes,
    list_followed,
    require_model,
    split_present,
)
from mvd.commands.pictures.gallery_session import Session
from mvd.data.own.listing import Listed
from mvd.data.progress import Progress
from mvd.errors import ConfigError, GalleryError
from mvd.files.regular import is_folder, real_path
from mvd.files.writable import require_writable_folder
from mvd.gallery.columns import ROW, Settings, to_rows
from mvd.gallery.filters import any_of
from mvd.gallery.forget import finish_removal, remove_rows
from mvd.gallery.log import FILE, Log
from mvd.gallery.place import PICTURES, Place
from mvd.gallery.table import PictureTable
from mvd.gallery.thumbnails import make_thumbnails
from mvd.inference import open_model
from mvd.results.embeddings import Embeddings, ModelIdentity
from mvd.results.gallery import Added


class Adding(Session):
    """An open gallery that pictures can be added to; base of `mvd.commands.pictures.gallery.Gallery`."""

    def follow(self, *, progress: Progress | None = None) -> Added | None:
        """Update the gallery of a folder of pictures; return None if it is not one, or nothing has changed.

        The gallery is created if it does not exist. New and changed files are embedded; rows of deleted and changed
        files are removed; files that are not pictures are skipped.

        Raises:
            GalleryError: the gallery was closed, or cannot be written.
            DatasetError: the folder, or one below it, cannot be read.
        """
        self._require_open()
        folder = self._pictures
        if self._table is None:
            if folder is None or not folder.is_dir() or not (listed := list_followed(folder)):
                return None
            self._place = Place.of(folder / FOLDER)
            self._log = Log(self._place)
        elif (followed := self.table.settings.folder) is None:
            return None
        else:
            folder = folder or Path(followed)
            if not folder.is_dir():  # a disk that is not mounted: nothing says that its pictures were deleted
                self._note(f"{self.place}: the folder that it follows, {folder}, is not there; nothing was changed")
                return None
            listed = list_followed(folder)
        removed = 0
        if self._table is not None:
            before = Path(self.table.settings.folder or folder)
            gone = find_changes(self.table, [before, real_path(folder)], listed)
            if before != real_path(folder):
                with self._changing() as table:
                    table.set(folder=str(real_path(folder)))
            if gone:
                with self._changing() as table:
                    removed = remove_rows(table, self._log, any_of(ROW, gone), reason="file")
            known = set(self.table.read(["path"]).column("path").to_pylist())
            listed = [one for one in listed if one.path not in known]
        if not listed and not removed and self._table is not None:
            return None
        added = self._add_pictures(listed, folder=str(real_path(folder)), skip_bad=True, progress=progress)
        return replace(added, removed=removed)

    def _add_pictures(
        self, listed: Sequence[Listed], *, folder: str | None, skip_bad: bool, progress: Progress | None
    ) -> Added:
        """Embed and add pictures that the gallery does not have yet."""
        bad: list[str] = []
        self._require_place()
        if self._table is not None:
            if not listed:  # such as for a retention alone: without the model
                return self._add_rows((), folder, progress, present=0, skipped=(), total=0)
            self._table.refresh()
        model = self._open_model()
        new, present = split_present(self._table, listed, bad if skip_bad else None)
        chunks = embed_pictures(model, new, bad if skip_bad else None)
        return self._add_rows(chunks, folder, progress, present=present, skipped=bad, total=len(new))

    def _add_rows(
        self,
        chunks: Iterable[Embeddings],
        folder: str | None,
        progress: Progress | None,
        *,
        present: int,
        skipped: Sequence[str],
        total: int,
    ) -> Added:
        """Add embeddings, one transaction per chunk; create the gallery if it does not exist."""
        made: ModelIdentity | None = None
        added = done = 0
        for chunk in chunks:
            if self._table is None:
                made = self._create(chunk.model, folder)
            table = self.table
            require_model(self.place, table.settings.model, chunk.model, chunk.model.name)
            rows = to_rows(chunk, make_thumbnails(chunk.paths), table.schema())
            with self._place.held():
                table.refresh()
                # Another process may have embedded the gallery again since.
                require_model(self.place, table.settings.model, chunk.model, chunk.model.name)
                inserted = table.insert(rows)
            added += inserted
            present += len(chunk) - inserted
            done += len(chunk)
            if progress is not None:
                progress(done, total)
        if self._table is None:  # nothing to add
            made = self._create(self._open_model().identity, folder)
        self._log.append("add", count=added)
        return Added(
            gallery=self.place,
            added=added,
            present=present,
            skipped=tuple(skipped),
            expired=0,
            removed=0,
            rows=self.table.count(),
            made=made,
        )

    def _create(self, model: ModelIdentity, folder: str | None) -> ModelIdentity | None:
        """Create the gallery; return its model, or None if another process has just created it."""
        source = model.name if self._source is None else self._source
        settings = Settings(model=model, source=_lasting(source), folder=folder)
        self._require_place()
        if self._place.folder is not None:
            self._place.folder.mkdir(parents=True, exist_ok=True)
        with self._place.held():
            table = PictureTable.create(self._place, settings)
        self._use(table)
        require_model(self.place, table.settings.model, model, source)
        return model if table.settings.salt == settings.salt else None

    def _require_place(self) -> None:
        """Check that the folder of a new gallery is writable and contains no other files.

        Raises:
            GalleryError: it is not writable, or contains other files.
        """
        where = self._place.folder
        if self._table is not None or where is None:
            return
        try:
            require_writable_folder(where.absolute())
        except OSError as error:
            raise GalleryError(
                f"{where}: expected a place for a gallery, could not write there ({error.strerror}); choose another"
            ) from error
        if is_folder(where) and any(map(_is_foreign, where.iterdir())):
            raise GalleryError(
                f"{where}: expected a gallery or an empty place for one, found a folder with other files; choose "
                f"another place, such as {where / FOLDER}"
            )

    def _embed_again(self, progress: Progress | None) -> None:
        """Embed the whole gallery with another model, which becomes the gallery's model."""
        if self._source is None:
            raise ConfigError("--embed-again: expected a new model, found none; pass it as --model")
        table = self.table
        model = open_model(self._source)
        with self._changing():
            settings = replace(table.settings, model=model.identity, source=_lasting(self._source), cleaning=True)
            embed_again(table, model, settings, progress)
            finish_removal(table, self._log)
            self._log.append("embed again", count=table.count(), model=model.identity.fingerprint)
        self._model, self._unopened = model, None


def _lasting(source: str) -> str:
    """Make the path of a model absolute, so that it can be opened from any folder."""
    return str(real_path(source)) if Path(source).exists() else source


def _is_foreign(file: Path) -> bool:
    """Return whether a file is neither hidden nor part of a gallery that a killed process has begun."""
    return not file.name.startswith(".") and file.name not in (f"{PICTURES}.lance", FILE)
