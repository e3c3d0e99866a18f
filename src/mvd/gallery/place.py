"""The location of a gallery, a folder or the URL of a shared store, and the lock of a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mvd.errors import GalleryError
from mvd.files.locks import file_locked
from mvd.files.names import is_utf8

PICTURES = "pictures"
"""Name of the table of pictures; in a folder it is stored in PICTURES.lance."""

SCHEMES = ("s3", "gs", "az", "db")
"""URL schemes that LanceDB opens: S3-compatible stores, Google, Azure, and LanceDB's own servers."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.I)
_LOCK = ".lock"


@dataclass(frozen=True)
class Place:
    """The location of a gallery.

    Attributes:
        address: the path or URL, as passed to LanceDB and shown to the user.
        folder: the folder; None for a shared store.

    >>> Place.of("s3://bucket/people").folder is None, Place.of("people").folder
    (True, PosixPath('people'))
    """

    address: str
    folder: Path | None

    @classmethod
    def of(cls, text: str | Path) -> Place:
        """Parse a path or a URL.

        Raises:
            GalleryError: the URL has an unsupported scheme, or the path is not UTF-8.
        """
        scheme = _SCHEME.match(str(text))
        whole = str(text) if scheme else str(Path(text).absolute())
        if not is_utf8(whole):
            raise GalleryError(f"{whole}: expected a path in UTF-8 for a gallery, found other bytes; choose another")
        if not scheme:
            return cls(str(text), Path(text))
        if scheme[1].lower() not in SCHEMES:
            known = ", ".join(f"{one}://" for one in SCHEMES)
            raise GalleryError(f"{text}: expected a folder or an address ({known}), found {scheme[1]}://; correct it")
        return cls(str(text).rstrip("/"), None)

    def __str__(self) -> str:
        return self.address

    @property
    def exists(self) -> bool | None:
        """Whether the folder contains a gallery; None for a shared store, which has to be opened to find out.

        A table without a version, left by a process that was killed while creating it, does not count.
        """
        if self.folder is None:
            return None
        return any((self.folder / f"{PICTURES}.lance" / "_versions").glob("*.manifest"))

    @property
    def mark(self) -> tuple[int, int] | None:
        """A mark of the folder's table that changes with it, even if another gallery replaces it; None for a store.

        A version is no such mark: a new gallery soon reaches the same one.
        """
        if self.folder is None:
            return None
        found = (self.folder / f"{PICTURES}.lance" / "_versions").stat()
        return found.st_ino, found.st_mtime_ns

    @contextmanager
    def held(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock of a folder, shared for reading or exclusive for writing. A shared store has no lock.

        Raises:
            BusyError: another process holds the lock for too long.
            OSError: the folder cannot be written to.
        """
        if self.folder is None:
            yield
            return
        with file_locked(self.folder / _LOCK, shared=shared):
            yield
