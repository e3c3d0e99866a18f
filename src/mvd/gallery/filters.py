"""SQL conditions on the rows of a gallery, as LanceDB accepts them.

All user input is quoted, so it is never interpreted as SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from unicodedata import normalize

from mvd.data.samples import Modality, modality_of
from mvd.errors import ConfigError
from mvd.files.regular import real_path
from mvd.files.several import several


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter for pictures. A picture must meet all conditions, and match any of a condition's values.

    Names that differ only in Unicode normalisation match.

    Attributes:
        cameras: names of cameras, or one; so are tags and identities.
        modality: visible or infrared.
        since: earliest time of capture; pictures of unknown time do not match.
        until: latest time of capture; likewise.
        tags: keywords.
        identities: names of people.

    Raises:
        ConfigError: the times are in the wrong order, or have no time zone; or there is no such modality.

    >>> Filter(cameras=("door", "o'clock"), modality=Modality.INFRARED).condition()
    "camera IN ('door', 'o''clock') AND modality = 1"
    """

    cameras: tuple[str, ...] = ()
    modality: Modality | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("cameras", "tags", "identities"):
            object.__setattr__(self, name, several(getattr(self, name)))
        if self.modality is not None:
            object.__setattr__(self, "modality", modality_of(self.modality))
        if any(one is not None and one.tzinfo is None for one in (self.since, self.until)):
            raise ConfigError("since, until: expected times with a time zone, found one without; give it one")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ConfigError(
                f"expected a time range, found an end ({self.until.isoformat()}) before its beginning "
                f"({self.since.isoformat()}); exchange them"
            )

    def condition(self) -> str | None:
        """Return the SQL condition; None if it matches every row."""
        parts = [
            any_of("camera", spellings(self.cameras)) if self.cameras else None,
            f"modality = {int(self.modality)}" if self.modality is not None else None,
            f"time >= {_microseconds(self.since)}" if self.since is not None else None,
            f"time <= {_microseconds(self.until)}" if self.until is not None else None,
            any_tag(spellings(self.tags)) if self.tags else None,
            any_of("identity", spellings(self.identities)) if self.identities else None,
        ]
        return every(parts)


def every(conditions: Iterable[str | None]) -> str | None:
    """Join conditions by AND; None stands for no condition."""
    return " AND ".join(one for one in conditions if one) or None


def any_of(column: str, values: Sequence[str]) -> str:
    """Return the condition that a column has one of the given values."""
    return f"{column} IN ({', '.join(map(quote, values))})" if values else "false"


def spellings(names: Iterable[str]) -> list[str]:
    """List names and their spellings with composed and decomposed characters: keyboards and file systems differ.

    >>> [len(name) for name in spellings(["Ren\u00e9"])], spellings(["door"])
    ([4, 5], ['door'])
    """
    return list(dict.fromkeys(one for name in names for one in (name, normalize("NFC", name), normalize("NFD", name))))


def any_tag(tags: Sequence[str]) -> str:
    """Return the condition that a row has one of the given tags."""
    return f"array_has_any(tags, [{', '.join(map(quote, tags))}])"


def below(path: str | Path) -> str:
    """Return the condition that a picture is the given file, or lies below the given folder.

    Paths of embeddings that were added may be relative: they match as they are written.
    """
    names = sorted({str(Path(path)), str(real_path(path))})
    folders = (f"starts_with(path, {quote(name.rstrip('/') + '/')})" for name in names)
    return " OR ".join([any_of("path", names), *folders])


def quote(text: str) -> str:
    """Quote a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def parse_time(text: str, *, end: bool = False) -> datetime:
    """Parse a date or a time; without a time zone it is UTC.

    Args:
        text: such as 2024-05-01, 2024-05-01T23:10, or 2024-05-01T23:10+02:00.
        end: take the last moment of a date without a time, instead of the first.

    Raises:
        ConfigError: the text is neither a date nor a time.

    >>> str(parse_time("2024-05-01")), str(parse_time("2024-05-01", end=True))
    ('2024-05-01 00:00:00+00:00', '2024-05-01 23:59:59.999999+00:00')
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime.combine(day, time.max if end else time.min, timezone.utc)
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ConfigError(
            f"expected a time such as 2024-05-01 or 2024-05-01T23:10+02:00, found {text[:40]!r}; correct it"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
