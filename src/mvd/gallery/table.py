"""The table of a gallery: create, open, read and write it, and turn LanceDB's errors into one line.

Each call that changes the table is one LanceDB transaction, so a killed process leaves it either done or undone.
LanceDB detects conflicting transactions of several processes and retries them.

Shapes: N rows, D width of an embedding.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from mvd.errors import ConfigError, GalleryError, MvdError
from mvd.files.regular import is_folder, is_there
from mvd.gallery.columns import ROW, Settings, schema_of, settings_of, settings_update
from mvd.gallery.filters import any_of
from mvd.gallery.place import PICTURES, Place

if TYPE_CHECKING:
    import pyarrow as pa

Ids = npt.NDArray[np.uint64]
T = TypeVar("T")

VERSIONS = 100
"""Number of older versions above which they are deleted."""

_BATCH = 4096  # rows read at a time
_LONGEST = 200  # maximum length of a foreign error message
_REASONS = {
    "nosuchbucket": "there is no such bucket",
    "connection refused": "nothing answers at its endpoint",
    "dns error": "no host has that name",
    "credential": "there are no credentials for it",
    "accessdenied": "access is denied",
    "forbidden": "access is denied",
    "timed out": "it did not answer in time",
}
"""Substrings of the stores' long error messages, and their meaning."""
_MISSING = ("not found", "does not exist", "nosuchbucket", "no such file")
_FULL = ("no space left", "disk quota", "file too large", "os error 28", "os error 27", "os error 122")


def load_lancedb() -> Any:
    """Import LanceDB, which only galleries need.

    Raises:
        ConfigError: LanceDB is not installed.
    """
    os.environ.setdefault("LANCEDB_LOG", "error")
    os.environ.setdefault("LANCE_LOG", "error")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its dependencies warn about each other
            import lancedb
    except ImportError as error:
        raise ConfigError(
            f"expected the package lancedb for a gallery, could not load it ({error}); install it with: "
            f"pip install 'mvd[search]'"
        ) from error
    return lancedb


@contextmanager
def explained(place: Place, what: str) -> Iterator[None]:
    """Turn errors of LanceDB and the operating system into one line about the gallery.

    Raises:
        GalleryError: an error was raised that is not ours.
    """
    try:
        yield
    except (MvdError, TypeError, AttributeError, LookupError, AssertionError):  # the last four are bugs of ours
        raise
    except BaseException as error:  # LanceDB's errors have no common base; its panics are no Exceptions
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        lines = str(error).strip().splitlines()
        text = str(error).lower()
        known = [reason for sign, reason in _REASONS.items() if sign in text and place.folder is None]
        reason = known[0] if known else " ".join(lines[0].split())[:_LONGEST] if lines else type(error).__name__
        if any(sign in text for sign in _FULL):
            reason = "No space left on device"
            remedy = "nothing was lost; free space there, then start the same command again"
        elif any(sign in text for sign in _MISSING):
            remedy = "check the address, and that nothing was deleted there"
        elif "permission denied" in text or "read-only" in text:
            remedy = "allow reading and writing there"
        elif place.folder is None:
            remedy = "check the address, the credentials (AWS_ACCESS_KEY_ID …) and the connection"
        else:
            remedy = "restore the folder from a copy, or remove it and add the pictures again"
        raise GalleryError(f"{place}: expected to {what}, could not ({reason}); {remedy}") from error


class PictureTable:
    """The rows of a gallery.

    Attributes:
        place: location of the gallery.
    """

    def __init__(self, place: Place, handle: Any) -> None:
        self.place = place
        self._table = handle
        self._known: tuple[object, dict[tuple[object, ...], Any]] = None, {}
        self._mark: tuple[int, ...] | None = None  # when the settings were read
        self.refresh()

    @classmethod
    def open(cls, place: Place) -> PictureTable:
        """Open a gallery.

        Raises:
            GalleryError: there is no gallery, or it is damaged or has another format version.
        """
        if place.exists is False:
            found = "nothing there"
            if place.folder is not None and is_there(place.folder):
                found = "a folder without one" if is_folder(place.folder) else "a file"
            raise GalleryError(f"{place}: expected a gallery, found {found}; make one with mvd gallery add")
        database = load_lancedb()
        with explained(place, "open the gallery"):
            if not cls.is_there(place):
                raise GalleryError(f"{place}: expected a gallery, found nothing there; make one with mvd gallery add")
            return cls(place, database.connect(place.address).open_table(PICTURES))

    @classmethod
    def is_there(cls, place: Place) -> bool:
        """Return whether there is a gallery.

        Raises:
            GalleryError: a shared store cannot be reached.
        """
        if place.exists is not None:
            return place.exists
        database = load_lancedb()
        with explained(place, "reach the store"):
            return PICTURES in database.connect(place.address).list_tables().tables

    @classmethod
    def create(cls, place: Place, settings: Settings) -> PictureTable:
        """Create an empty gallery, or open it if another process has just created it."""
        database = load_lancedb()
        with explained(place, "make a gallery"):
            connection = database.connect(place.address)
            try:
                return cls(place, connection.create_table(PICTURES, schema=schema_of(settings), mode="create"))
            except ValueError as error:
                if "already exists" not in str(error):
                    raise
        return cls.open(place)

    def refresh(self) -> None:
        """Load the newest version of the table."""
        with explained(self.place, "open the gallery"):
            self._table.checkout_latest()
            mark = None if (found := self.place.mark) is None else (self.version, *found)
            if mark is None or mark != self._mark:  # reading them takes longer than the rest
                self.settings = settings_of(self._table.schema, str(self.place))
            self._mark = mark

    @property
    def version(self) -> int:
        """Version of the table; every change increases it."""
        return int(self._table.version)

    @property
    def state(self) -> tuple[str, int]:
        """The gallery's salt and the version: another gallery in the same place may have reached the same version."""
        return self.settings.salt, self.version

    def once(self, key: tuple[object, ...], compute: Callable[[], T]) -> T:
        """Return the value of `compute()`, cached under the key for the current state of the table."""
        if self._known[0] != self.state:
            self._known = self.state, {}
        known = self._known[1]
        if key not in known:
            known[key] = compute()
        value: T = known[key]
        return value

    @property
    def handle(self) -> Any:
        """LanceDB's own table."""
        return self._table

    def schema(self) -> pa.Schema:
        """Return the schema of the table."""
        return self._table.schema

    def count(self, where: str | None = None) -> int:
        """Count the rows that match a condition."""
        with explained(self.place, "read the gallery"):
            return int(self._table.count_rows(where))

    def batches(self, columns: Sequence[str], where: str | None = None) -> Iterator[pa.RecordBatch]:
        """Yield batches of rows in table order, with LanceDB's row id in the column `_rowid`."""
        with explained(self.place, "read the gallery"):
            query = self._table.search().select(list(columns)).with_row_id(True).limit(None)
            yield from (query if where is None else query.where(where)).to_batches(_BATCH)

    def read(self, columns: Sequence[str], where: str | None = None, limit: int | None = None) -> pa.Table:
        """Read rows in table order, with LanceDB's row id in the column `_rowid`."""
        with explained(self.place, "read the gallery"):
            query = self._table.search().select(list(columns)).with_row_id(True).limit(limit)
            return (query if where is None else query.where(where)).to_arrow()

    def take(self, ids: Ids, columns: Sequence[str]) -> pa.Table:
        """Read rows by LanceDB's row ids, in the given order."""
        with explained(self.place, "read the gallery"):
            found = self._table.take_row_ids(ids.tolist()).select(list(columns)).with_row_id().to_arrow()
        # LanceDB returns them in table order.
        place = {number: at for at, number in enumerate(found.column("_rowid").to_pylist())}
        return found.take(np.array([place[number] for number in ids.tolist()], np.int64))

    def present(self, names: Sequence[str]) -> set[str]:
        """Return those of the given row identifiers that are in the table."""
        found: set[str] = set()
        for start in range(0, len(names), _BATCH):
            some = self.read([ROW], any_of(ROW, names[start : start + _BATCH]))
            found.update(some.column(ROW).to_pylist())
        return found

    def insert(self, rows: pa.Table) -> int:
        """Add the rows that the table does not have yet, in one transaction; return their number."""
        if not rows.num_rows:
            return 0
        with explained(self.place, "add to the gallery"):
            done = self._table.merge_insert(ROW).when_not_matched_insert_all().execute(rows)
            return int(done.num_inserted_rows)

    def replace_all(self, settings: Settings, batches: Iterator[pa.RecordBatch]) -> None:
        """Replace all rows and the settings, in one transaction."""
        import pyarrow as pa

        schema = schema_of(settings)
        with explained(self.place, "replace the rows of the gallery"):
            connection = load_lancedb().connect(self.place.address)
            reader = pa.RecordBatchReader.from_batches(schema, batches)
            self._table = connection.create_table(PICTURES, data=reader, schema=schema, mode="overwrite")
        self.refresh()

    def set(self, **changes: Any) -> None:
        """Change settings; the caller holds the gallery's lock, and has refreshed the table since it does."""
        self.settings = replace(self.settings, **changes)
        with explained(self.place, "change the settings of the gallery"):
            self._table.update_field_metadata(settings_update(self.settings))

    def tidy(self) -> None:
        """Merge small files and delete older versions if there are many; the caller holds the gallery's lock.

        In a shared store, versions of the last hour are kept, since other processes may be reading them.
        """
        with explained(self.place, "tidy the gallery"):
            if len(self._table.list_versions()) > VERSIONS:
                self._optimise(timedelta(0) if self.place.folder is not None else timedelta(hours=1))

    def prune(self) -> None:
        """Merge small files and delete the files of all older versions; the caller holds the gallery's lock.

        In a folder, files of unfinished transactions are deleted too. In a shared store they may belong to a process
        that is still adding, so they are deleted only after seven days.
        """
        with explained(self.place, "clean the gallery"):
            self._optimise(timedelta(0))

    def _optimise(self, older_than: timedelta) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it warns that no older version is kept, as intended
            self._table.optimize(cleanup_older_than=older_than, delete_unverified=self.place.folder is not None)
