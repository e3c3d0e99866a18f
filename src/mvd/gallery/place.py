"""Where a gallery is: a folder, or the address of a shared store; and the lock of a folder."""

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
"""The table of pictures, in a folder the folder PICTURES.lance."""

SCHEMES = ("s3", "gs", "az", "db")
"""Of the addresses that LanceDB opens: Amazon S3 and its like, Google, Azure, and LanceDB's own servers."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.I)
_LOCK = ".lock"


@dataclass(frozen=True)
class Place:
    """A place of a gallery.

    Attributes:
        address: as it is given to LanceDB, and shown.
        folder: the folder; None for a shared store.

    >>> Place.of("s3://bucket/people").folder is None, Place.of("people").folder
    (True, PosixPath('people'))
    """

    address: str
    folder: Path | None

    @classmethod
    def of(cls, text: str | Path) -> Place:
        """Tell a folder from an address.

        Raises:
            GalleryError: it is the address of a kind of store that is not known, or a path that is not UTF-8.
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
        """Whether a folder holds a gallery; None for a shared store, which only opening it tells.

        A process that is killed while it makes one leaves a table without a version, which is none.
        """
        if self.folder is None:
            return None
        return any((self.folder / f"{PICTURES}.lance" / "_versions").glob("*.manifest"))

    @contextmanager
    def held(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock of a folder: shared to read, alone to change it. A shared store has none.

        Raises:
            BusyError: another process holds it for too long.
            OSError: the folder cannot be written to.
        """
        if self.folder is None:
            yield
            return
        with file_locked(self.folder / _LOCK, shared=shared):
            yield
