"""Results of the gallery commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mvd.results.embeddings import ModelIdentity


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row of a gallery.

    Attributes:
        row: its name, sixteen hexadecimal digits; a unique prefix identifies the row too.
        path: path of the picture when it was added.
        hash: SHA-256 of the picture file.
        modality: 0 visible, 1 infrared.
        modality_source: source of the modality, a `ModalitySource`.
        camera: name of the camera; None where unknown.
        time: time of recording; None where unknown.
        identity: name of the person; None where unknown.
        tags: the user's tags.
        added: time of the addition.
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
    """A picture that was found, or the best picture of a tracklet.

    Attributes:
        entry: the picture.
        similarity: inner product of its embedding and the query's, -1 … 1.
        probability: probability that it shows the person of the query, given that the person is in the gallery; None
            if the model is not calibrated.
        passes: whether it passes the threshold; None if the model is not calibrated.
        pictures: number of pictures of the tracklet that were found.
        distance: distance after re-ranking, 0 … 1; None without re-ranking.
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
        hits: the pictures found, best first.
        known: whether a picture passes the threshold, so that the person is probably in the gallery; None if the model
            is not calibrated.
        false_alarms: false-alarm rate of the threshold: the fraction of people outside the gallery for whom a picture
            passes.
        rows: number of pictures searched, after filters.
        people: upper bound on the number of people among them; None if it was not needed.
        method: "exact" compares with every embedding; "index" uses the index.
        notes: remarks for the user.
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
    """The result of an addition.

    Attributes:
        gallery: the gallery.
        added: number of new rows.
        present: number of pictures skipped because the gallery contains them already.
        skipped: errors of the files that were skipped.
        expired: number of rows removed because of their age.
        removed: number of rows removed because their files in the folder are gone or changed.
        rows: number of rows afterwards.
        made: the model of a new gallery; None if the gallery existed.
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
    """The result of a removal.

    Attributes:
        gallery: the gallery.
        rows: number of rows removed.
        left: number of rows left.
        back: pictures of removed rows that are still in the folder that the gallery follows, so that the next search
            adds them again.
    """

    gallery: str
    rows: int
    left: int
    back: int


@dataclass(frozen=True, kw_only=True)
class GalleryStats:
    """Statistics of a gallery.

    Attributes:
        gallery: the gallery.
        format: format version of the table.
        model: model of the embeddings.
        source: path or name from which the model is loaded.
        rows: number of pictures.
        identities: number of named people.
        unnamed: number of pictures without a name.
        modalities: number of pictures by modality.
        cameras: number of pictures by camera; "" where unknown.
        first: the earliest time of recording; None if none is known.
        last: the latest time of recording; None if none is known.
        keep_days: retention period in days; None means unlimited.
        oldest: time at which the oldest row was added; None in an empty gallery.
        bytes: size on disk; None in a shared store.
        version: version of the table.
        index: kind of index; None if search is exact.
        unindexed: number of rows that are not in the index yet; they are searched exactly.
        recall: fraction of the exact 10 nearest pictures that the index finds; 1 without an index; None if not
            measured.
        recall_queries: number of pictures used as queries to measure the recall.
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
        lines: number of lines read, up to the first broken line if there is one.
        first: time of the first line.
        last: hash of the last intact line. A copy kept elsewhere detects the removal of lines from the end.
        broken: number of the first broken line, from 1; None if all lines are intact.
        fault: the error of the broken line.
        line: text of the broken line.
    """

    lines: int
    first: str | None
    last: str | None
    broken: int | None
    fault: str | None
    line: str | None
