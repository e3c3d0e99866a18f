"""What the commands of a gallery return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mvd.results.embeddings import ModelIdentity


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row of a gallery.

    Attributes:
        row: its name, sixteen hexadecimal digits; the first ones suffice where they are of no other row.
        path: of the picture, when it was added.
        hash: SHA-256 of its bytes.
        modality: 0 visible, 1 infrared.
        modality_source: how that was told.
        camera: its name; None where unknown.
        time: when it was taken; None where unknown.
        identity: the person's name; None where unknown.
        tags: words.
        added: when it was added.
    """

    row: str
    path: str
    hash: str
    modality: int
    modality_source: str
    camera: str | None
    time: datetime | None
    identity: str | None
    tags: tuple[str, ...]
    added: datetime


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A picture that was found, or the best one of a tracklet.

    Attributes:
        entry: the picture.
        similarity: inner product of its embedding and the query's, -1 … 1.
        probability: that it shows the person who is searched, if one of the people of the gallery does; None where the
            model is not calibrated.
        passes: whether it passes the threshold; None likewise.
        pictures: how many pictures of the tracklet were found.
        distance: after re-ranking, 0 … 1; None without.
    """

    entry: Entry
    similarity: float
    probability: float | None
    passes: bool | None
    pictures: int
    distance: float | None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a search.

    Attributes:
        hits: the best first.
        known: whether a picture passes the threshold, so that the person seems to be in the gallery; None where the
            model is not calibrated.
        false_alarms: the rate that the threshold is for: of people who are not in the gallery, the share for whom a
            picture passes nevertheless.
        rows: pictures that were searched, after filters.
        people: at most so many people are among them; None where that was not needed.
        method: "exact", by a product with every embedding, or "index".
        notes: what else the user should know.
    """

    hits: tuple[Hit, ...]
    known: bool | None
    false_alarms: float
    rows: int
    people: int | None
    method: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Added:
    """What adding did.

    Attributes:
        gallery: where.
        added: new rows.
        present: pictures that were there already, and were skipped.
        skipped: what is wrong with files that were skipped.
        expired: rows that were removed because they were too old.
        removed: rows that were removed because their files in the folder are gone or changed.
        rows: rows afterwards.
        made: the model of a gallery that is new; else None.
    """

    gallery: str
    added: int
    present: int
    skipped: tuple[str, ...]
    expired: int
    removed: int
    rows: int
    made: ModelIdentity | None


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What removing did.

    Attributes:
        gallery: where.
        rows: rows that were removed.
        left: rows that are left.
        back: pictures of removed rows that are still in the folder that the gallery follows, so that the next search
            adds them again.
    """

    gallery: str
    rows: int
    left: int
    back: int


@dataclass(frozen=True, kw_only=True)
class GalleryStats:
    """What a gallery holds.

    Attributes:
        gallery: where.
        format: of the table.
        model: of its embeddings.
        source: what opens that model.
        rows: pictures.
        identities: named people.
        unnamed: pictures without a name.
        modalities: pictures by modality.
        cameras: pictures by camera; "" where unknown.
        first: the earliest time; None where none is known.
        last: the latest time.
        keep_days: retention; None for ever.
        oldest: when the oldest row was added; None in an empty gallery.
        bytes: on the disk; None in a shared store.
        version: of the table.
        index: its kind; None where search is exact.
        unindexed: rows that the index lacks yet; they are searched one by one.
        recall: share of the exact 10 nearest pictures that the index finds; 1 without an index; None if not measured.
        recall_queries: pictures that it was measured with.
    """

    gallery: str
    format: int
    model: ModelIdentity
    source: str
    rows: int
    identities: int
    unnamed: int
    modalities: Mapping[str, int]
    cameras: Mapping[str, int]
    first: datetime | None
    last: datetime | None
    keep_days: float | None
    oldest: datetime | None
    bytes: int | None
    version: int
    index: str | None
    unindexed: int
    recall: float | None
    recall_queries: int


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The state of a gallery's log.

    Attributes:
        lines: lines that were read; with a fault, up to the first one that is broken.
        first: the time of the first line.
        last: the hash of the last whole line; kept elsewhere, it shows whether lines were taken from the end.
        broken: number of the first broken line, from 1; None if all are whole.
        fault: what is wrong with it.
        line: its text.
    """

    lines: int
    first: str | None
    last: str | None
    broken: int | None
    fault: str | None
    line: str | None
