"""Conditions on the rows of a gallery, as LanceDB takes them.

Whatever a user names is quoted, so that no name is read as a condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.files.regular import real_path


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which pictures are meant; all conditions hold at once, and of several values any.

    Attributes:
        cameras: names of cameras.
        modality: the spectrum.
        since: earliest time at which a picture was taken; pictures of unknown time do not count.
        until: latest time.
        tags: words.
        identities: names of people.

    Raises:
        ConfigError: the times are in the wrong order, or without a time zone.

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
        if any(one is not None and one.tzinfo is None for one in (self.since, self.until)):
            raise ConfigError("since, until: expected times with a time zone, found one without; give it one")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ConfigError(
                f"expected a time range, found an end ({self.until.isoformat()}) before its beginning "
                f"({self.since.isoformat()}); exchange them"
            )

    def condition(self) -> str | None:
        """Write the condition; None where every row fulfils it."""
        parts = [
            any_of("camera", self.cameras) if self.cameras else None,
            f"modality = {int(self.modality)}" if self.modality is not None else None,
            f"time >= {_microseconds(self.since)}" if self.since is not None else None,
            f"time <= {_microseconds(self.until)}" if self.until is not None else None,
            any_tag(self.tags) if self.tags else None,
            any_of("identity", self.identities) if self.identities else None,
        ]
        return every(parts)


def every(conditions: Iterable[str | None]) -> str | None:
    """Join conditions that hold at once; None is none."""
    return " AND ".join(one for one in conditions if one) or None


def any_of(column: str, values: Sequence[str]) -> str:
    """Write the condition that a column has one of some values."""
    return f"{column} IN ({', '.join(map(quote, values))})" if values else "false"


def any_tag(tags: Sequence[str]) -> str:
    """Write the condition that a row has one of some tags."""
    return f"array_has_any(tags, [{', '.join(map(quote, tags))}])"


def below(path: str | Path) -> str:
    """Write the condition that a picture is a file, or below a folder."""
    whole = str(real_path(path))
    return f"{any_of('path', sorted({str(path), whole}))} OR starts_with(path, {quote(whole.rstrip('/') + '/')})"


def quote(text: str) -> str:
    """Write a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def parse_time(text: str, *, end: bool = False) -> datetime:
    """Read a date or a time; without a zone it is UTC.

    Args:
        text: such as 2024-05-01, 2024-05-01T23:10, or 2024-05-01T23:10+02:00.
        end: whether a date alone means its last moment, not its first.

    Raises:
        ConfigError: it is neither.

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
