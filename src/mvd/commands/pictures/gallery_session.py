"""An open gallery: its location, table, model and lock; the base of `mvd.commands.pictures.gallery`."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mvd.commands.pictures.gallery_pictures import describe_box, find_gallery, is_model, require_model
from mvd.data.progress import Note, silent
from mvd.errors import ConfigError, GalleryError, MvdError, counted
from mvd.gallery.columns import ROW, microseconds
from mvd.gallery.exact import EXACT_ROWS, Exact
from mvd.gallery.filters import quote
from mvd.gallery.forget import finish_removal, remove_rows
from mvd.gallery.index import build_index, index_is_due
from mvd.gallery.log import Log
from mvd.gallery.stats import count_cameras, count_modalities, count_people
from mvd.gallery.table import PictureTable
from mvd.inference import PictureModel, open_model
from mvd.inference.models import RENDERED
from mvd.metrics.calibration import Calibration

S = TypeVar("S", bound="Session")

_DAY = 86_400_000_000  # microseconds
_RETRY_SECONDS = 60  # after which a model that could not be opened is tried again: that may take a download
_SHORTEST = 4  # minimum number of digits of a row's identifier


class Session:
    """An open gallery; base of `mvd.commands.pictures.gallery.Gallery`."""

    def __init__(
        self,
        address: str | Path,
        *,
        model: str | Path | None = None,
        keep: bool = True,
        exact_rows: int = EXACT_ROWS,
        note: Note = silent,
    ) -> None:
        if model is not None and not isinstance(model, str | os.PathLike):
            raise ConfigError(
                f"model: expected a file, a folder or a name, which can be opened again, found {type(model).__name__}"
            )
        self._place, self._pictures = find_gallery(os.fspath(address))
        self._source = None if model is None else os.fspath(model)
        self._model: PictureModel | None = None
        self._keep = keep
        self._exact_rows = exact_rows
        self._note = note
        self._log = Log(self._place)
        self._unopened: tuple[float, str] | None = None  # when the model could not be opened, and why
        self._closed = False
        self._table: PictureTable | None = None
        self._exact: Exact | None = None
        if PictureTable.is_there(self._place):
            self._use(PictureTable.open(self._place))

    def __enter__(self: S) -> S:
        """Return the gallery, which is closed when the context ends."""
        self._require_open()
        return self

    def __exit__(self, *error: object) -> None:
        """Close the gallery."""
        self.close()

    def close(self) -> None:
        """Release what an open gallery holds: the table, embeddings in memory, the model with its threads.

        A closed gallery cannot be used again. Closing it twice does nothing.
        """
        self._closed = True
        self._model = self._table = self._exact = None
        self._log.close()

    @property
    def place(self) -> str:
        """Path or URL of the gallery."""
        return str(self._place)

    @property
    def exists(self) -> bool:
        """Whether the gallery exists.

        Raises:
            GalleryError: it was closed.
        """
        self._require_open()
        return self._table is not None

    @property
    def table(self) -> PictureTable:
        """Table of the gallery's rows.

        Raises:
            GalleryError: the gallery does not exist, or was closed.
        """
        self._require_open()
        if self._table is None:
            self._use(PictureTable.open(self._place))
        assert self._table is not None
        return self._table

    def _require_open(self) -> None:
        """Check that the gallery was not closed.

        Raises:
            GalleryError: it was.
        """
        if self._closed:
            raise GalleryError(f"{self.place}: expected an open gallery, found it closed; open it again")

    def _use(self, table: PictureTable) -> None:
        self._table = table
        self._exact = Exact(table, keep=self._keep)

    @contextmanager
    def _changing(self) -> Iterator[PictureTable]:
        """Lock the gallery exclusively, and first finish a removal left by a killed process."""
        table = self.table
        with self._place.held():
            table.refresh()
            finish_removal(table, self._log)
            yield table

    @contextmanager
    def _reading(self) -> Iterator[PictureTable]:
        """Lock the gallery for reading, and load its newest version."""
        table = self.table
        with self._place.held(shared=True):
            table.refresh()
            yield table

    def _settle(self) -> int:
        """Finish a removal left by a killed process, and remove expired rows; return their number."""
        table = self.table
        table.refresh()
        days = table.settings.keep_days
        late = None if days is None else f"added < {microseconds() - round(days * _DAY)}"
        if not table.settings.cleaning and (late is None or not table.count(late)):
            return 0
        with self._changing():
            return remove_rows(table, self._log, late, reason="expired") if late else 0

    def _index(self) -> None:
        """Build or update the index if the gallery needs it."""
        rows = self.table.count()
        if index_is_due(self.table, rows=rows, exact_rows=self._exact_rows):
            self._note(f"indexing {counted(rows, 'picture')}, which takes minutes; searches continue meanwhile")
            with self._place.held(shared=True):
                build_index(self.table)

    def _open_model(self) -> PictureModel:
        """Load the gallery's model, or the model of a new gallery; again if another process has changed the model."""
        settings = None if self._table is None else self._table.settings
        if self._model is not None and settings is not None and not is_model(settings.model, self._model.identity):
            self._model = None
        if self._model is None:
            if self._source is None and self._table is None:
                self._note(describe_box())
            source = self._source or (settings.source if settings else RENDERED)
            model = open_model(source)
            if settings is not None:
                require_model(self.place, settings.model, model.identity, source)
            self._model = model
        return self._model

    def _names(self, given: Sequence[str]) -> list[str]:
        """Complete identifiers of rows from their first digits."""
        names = []
        for one in given:
            if len(one) < _SHORTEST or set(one) - set("0123456789abcdef"):
                raise GalleryError(
                    f"row: expected at least {_SHORTEST} of its hexadecimal digits, as a search prints them, found "
                    f"{one[:40]!r}"
                )
            found = self.table.read([ROW], f"starts_with({ROW}, {quote(one)})", limit=2).column(ROW).to_pylist()
            if len(set(found)) != 1:
                what = "several rows; give more digits" if found else "no such row; list them: gallery show"
                raise GalleryError(f"{self.place}: expected the row {one}, found {what}")
            names.append(found[0])
        return names

    def _calibration(self, notes: list[str]) -> Calibration | None:
        """Return the calibration of the gallery's model, loading the model if necessary; without one, add why."""
        if self._model is None and self._unopened and time.monotonic() - self._unopened[0] < _RETRY_SECONDS:
            notes.append(self._unopened[1])
            return None
        try:
            calibration = self._open_model().calibration
        except MvdError as error:
            self._unopened = time.monotonic(), f"no probabilities: {error}"
            notes.append(self._unopened[1])
            return None
        if calibration is None:
            notes.append(
                f"no probabilities, and no decision whether the person is in the gallery: "
                f"{self.table.settings.model.name} is not calibrated; see mvd calibrate"
            )
        return calibration

    def _count_people(self, where: str | None) -> int:
        return self.table.once(("people", where), lambda: count_people(self.table, where))

    def _count_pictures(self, where: str | None, *, by_camera: bool) -> dict[tuple[int, str | None], int]:
        """Count rows by modality, and by camera if that matters."""
        if not by_camera:
            return self.table.once(("modalities", where), lambda: count_modalities(self.table, where))
        return self.table.once(("cameras", where), lambda: count_cameras(self.table, where))

    def _salted(self, condition: str | None) -> str | None:
        """Hash a condition for the log, which must not retain removed names."""
        if condition is None:
            return None
        return hashlib.sha256(f"{self.table.settings.salt}\0{condition}".encode()).hexdigest()
