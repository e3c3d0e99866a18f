"""Parse and validate the form fields and query parameters of requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.gallery.filters import Filter, parse_time
from mvd.page.queries import MOST_BYTES, MOST_PICTURES

TOPS = (10, 20, 50, 100)
"""Numbers of results to choose from."""

MOST_FORM = MOST_PICTURES * MOST_BYTES + 1_000_000
"""Maximum size of a request, in bytes."""

_ROW = re.compile(r"[0-9a-f]{16}")
_FILTERS = ("camera", "modality", "since", "until", "tag", "identity", "top", "rerank")


class RefusedError(Exception):
    """A refused request: an HTTP status and a one-line reason."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


@dataclass(frozen=True)
class Wanted:
    """Search options, from form fields or query parameters.

    Attributes:
        fields: the non-empty fields.
    """

    fields: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Wanted:
        """Read the search options from a form or from query parameters; ignore other fields."""
        return cls({name: str(given[name]) for name in _FILTERS if given.get(name)})

    @property
    def address(self) -> str:
        """The options as URL query parameters."""
        return urlencode(self.fields)

    @property
    def filter(self) -> Filter:
        """Filter for the rows to search.

        Raises:
            ConfigError: the modality or a time is invalid.
        """
        get = self.fields.get
        return Filter(
            cameras=self._words("camera"),
            modality=to_modality(self.fields["modality"]) if "modality" in self.fields else None,
            since=parse_time(get("since", "")) if "since" in self.fields else None,
            until=parse_time(get("until", ""), end=True) if "until" in self.fields else None,
            tags=self._words("tag"),
            identities=self._words("identity"),
        )

    @property
    def top(self) -> int:
        """Number of results.

        Raises:
            ConfigError: it is not a number, or out of range.
        """
        top = self.fields.get("top", str(TOPS[0]))
        if not re.fullmatch(r"[0-9]{1,3}", top) or not 1 <= int(top) <= TOPS[-1]:
            raise ConfigError(f"top: expected 1 to {TOPS[-1]}, found {top[:20]}")
        return int(top)

    @property
    def rerank(self) -> bool:
        """Whether to re-rank."""
        return self.fields.get("rerank") == "yes"

    def _words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.fields.get(name, "").split(",") if word.strip())


async def read_form(request: Request) -> FormData:
    """Read a form, with a limit on the number of fields.

    Raises:
        ConfigError: the form is damaged.
    """
    try:
        return await request.form(max_files=MOST_PICTURES + 1, max_fields=30)
    except (MultiPartException, ClientDisconnect) as error:
        raise ConfigError(f"expected a form, found a damaged one ({error})") from error


async def read_pictures(form: FormData) -> list[tuple[bytes, str]]:
    """Read the pictures of a form and their names; of each picture at most one byte more than the size limit.

    Raises:
        ConfigError: there are no pictures, or too many.
    """
    try:
        uploads = [one for one in form.getlist("pictures") if isinstance(one, UploadFile) and one.size]
        contents = [(await one.read(MOST_BYTES + 1), one.filename or "picture") for one in uploads[:MOST_PICTURES]]
    finally:
        await form.close()
    if not 1 <= len(uploads) <= MOST_PICTURES:
        raise ConfigError(f"expected 1 to {MOST_PICTURES} pictures of one person, found {len(uploads)}; choose some")
    return contents


def row_of(request: Request) -> str:
    """Return the row identifier in a URL.

    Raises:
        RefusedError: it is not a row identifier.
    """
    row: str = request.path_params["row"]
    if not _ROW.fullmatch(row):
        raise RefusedError(404, "expected the name of a row, sixteen hexadecimal digits, found something else")
    return row


def to_modality(name: str) -> Modality:
    """Parse the name of a modality.

    Raises:
        ConfigError: it is not a modality.
    """
    if name not in {"visible", "infrared"}:
        raise ConfigError(f"expected visible or infrared, found {name[:40]}")
    return Modality[name.upper()]
