"""An open gallery: where it is, its table, its model and its lock; what `mvd.commands.pictures.gallery` builds on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from mvd.commands.pictures.gallery_pictures import FOLDER, describe_box, require_model
from mvd.errors import GalleryError, MvdError
from mvd.gallery.columns import ROW, microseconds
from mvd.gallery.exact import EXACT_ROWS, Exact
from mvd.gallery.filters import quote
from mvd.gallery.forget import finish_removal, remove_rows
from mvd.gallery.index import build_index, index_is_due
from mvd.gallery.log import Log
from mvd.gallery.place import Place
from mvd.gallery.stats import count_cameras, count_modalities, count_people
from mvd.gallery.table import PictureTable
from mvd.inference import PictureModel, open_model
from mvd.inference.models import RENDERED
from mvd.metrics.calibration import Calibration

Note: TypeAlias = Callable[[str], None]

_DAY = 86_400_000_000  # microseconds
_SHORTEST = 4  # digits that a row is named by


def describe_cameras(own: Sequence[bool], named: str | None) -> list[str]:
    """Say whether probabilities are those of cameras.

    Args:
        own: for each result, whether it is.
        named: the query's camera, where the user named it.

    >>> describe_cameras([True, False], None)
    ['probabilities of 1 of 2 results are those of the two cameras']
    """
    if any(own):
        return [f"probabilities of {sum(own)} of {len(own)} results are those of the two cameras"]
    if named is None:
        return []
    return [
        f"camera {named}: the model is not calibrated for it with these results' cameras; probabilities are those of "
        f"the modalities"
    ]


def _silent(_: str) -> None:
    pass


class Session:
    """An open gallery; see `mvd.commands.pictures.gallery.Gallery`."""

    def __init__(
        self,
        address: str | Path,
        *,
        model: str | Path | None = None,
        keep: bool = True,
        exact_rows: int = EXACT_ROWS,
        note: Note = _silent,
    ) -> None:
        given = Place.of(address)
        inside = None if given.folder is None else Place.of(given.folder / FOLDER)
        self._pictures = given.folder if inside is not None and not given.exists else None
        self._place = inside if inside is not None and not given.exists and inside.exists else given
        self._source = None if model is None else str(model)
        self._model: PictureModel | None = None
        self._keep = keep
        self._exact_rows = exact_rows
        self._note = note
        self._log = Log(self._place)
        self._uncalibrated: str | None = None  # why there is no calibration
        self._table: PictureTable | None = None
        self._exact: Exact | None = None
        if PictureTable.is_there(self._place):
            self._use(PictureTable.open(self._place))

    @property
    def place(self) -> str:
        """Where it is."""
        return str(self._place)

    @property
    def exists(self) -> bool:
        """Whether there is a gallery."""
        return self._table is not None

    @property
    def table(self) -> PictureTable:
        """Its rows.

        Raises:
            GalleryError: there is no gallery.
        """
        if self._table is None:
            self._use(PictureTable.open(self._place))
        assert self._table is not None
        return self._table

    def _use(self, table: PictureTable) -> None:
        self._table = table
        self._exact = Exact(table, keep=self._keep)

    @contextmanager
    def _changing(self) -> Iterator[PictureTable]:
        """Hold the gallery alone, and finish first what a killed process left."""
        table = self.table
        with self._place.held():
            table.refresh()
            finish_removal(table, self._log)
            yield table

    @contextmanager
    def _reading(self) -> Iterator[PictureTable]:
        """Hold the gallery with others that read it, as it is now."""
        table = self.table
        with self._place.held(shared=True):
            table.refresh()
            yield table

    def _settle(self) -> int:
        """Finish what a killed process left, and remove what is too old; return how many rows that were."""
        table = self.table
        table.refresh()
        days = table.settings.keep_days
        late = None if days is None else f"added < {microseconds() - round(days * _DAY)}"
        if not table.settings.cleaning and (late is None or not table.count(late)):
            return 0
        with self._changing():
            return remove_rows(table, self._log, late, reason="expired") if late else 0

    def _index(self) -> None:
        """Build the index if the gallery has outgrown exact search."""
        rows = self.table.count()
        if index_is_due(self.table, rows=rows, exact_rows=self._exact_rows):
            self._note(f"indexing {rows:,} pictures, which takes minutes; searches go on meanwhile")
            with self._place.held(shared=True):
                build_index(self.table)

    def _open_model(self) -> PictureModel:
        """Open the gallery's model, or that of a new gallery."""
        if self._model is None:
            if self._source is None and self._table is None:
                self._note(describe_box())
            settings = None if self._table is None else self._table.settings
            source = self._source or (settings.source if settings else RENDERED)
            model = open_model(source)
            if settings is not None:
                require_model(self.place, settings.model, model.identity, source)
            self._model = model
        return self._model

    def _names(self, given: Sequence[str]) -> list[str]:
        """Complete names of rows, of which the first digits are given."""
        names = []
        for one in given:
            if len(one) < _SHORTEST or set(one) - set("0123456789abcdef"):
                raise GalleryError(
                    f"row: expected at least {_SHORTEST} of its hexadecimal digits, as a search prints them, found "
                    f"{one[:40]!r}"
                )
            found = self.table.read([ROW], f"starts_with({ROW}, {quote(one)})", limit=2).column(ROW).to_pylist()
            if len(set(found)) != 1:
                what = (
                    "several rows that begin so; give more digits" if found else "no such row; list them: gallery show"
                )
                raise GalleryError(f"{self.place}: expected the row {one}, found {what}")
            names.append(found[0])
        return names

    def _calibration(self, notes: list[str]) -> Calibration | None:
        """Return the calibration of the gallery's model, which a search by rows or embeddings need not have opened."""
        if self._uncalibrated is None:
            try:
                calibration = self._open_model().calibration
            except MvdError as error:
                self._uncalibrated = f"no probabilities: {error}"
            else:
                if calibration is not None:
                    return calibration
                self._uncalibrated = (
                    f"no probabilities, and no answer to whether the person is here: {self.table.settings.model.name} "
                    f"is not calibrated; see mvd calibrate"
                )
        notes.append(self._uncalibrated)
        return None

    def _count_people(self, where: str | None) -> int:
        return self.table.once(("people", where), lambda: count_people(self.table, where))

    def _count_pictures(self, where: str | None, *, by_camera: bool) -> dict[tuple[int, str | None], int]:
        """Count rows by modality, and by camera where the model is calibrated for some."""
        calibration = None if self._model is None else self._model.calibration
        if not by_camera or calibration is None or not calibration.cameras:
            return self.table.once(("modalities", where), lambda: count_modalities(self.table, where))
        return self.table.once(("cameras", where), lambda: count_cameras(self.table, where))

    def _salted(self, condition: str | None) -> str | None:
        """Hash a condition for the log, which must not keep a name that was removed."""
        if condition is None:
            return None
        return hashlib.sha256(f"{self.table.settings.salt}\0{condition}".encode()).hexdigest()
