"""What a user has marked as right or wrong on the page: a line each, beside the gallery.

A line has the similarity, the modalities and the verdict, which a calibration could learn from; none does yet. Of the
pictures it has hashes and the row alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from mvd.errors import GalleryError
from mvd.files.atomic import cannot_write, no_links

MARKS = "marks.jsonl"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A verdict.

    Attributes:
        query: SHA-256 of the query's bytes.
        row: what it found.
        similarity: of both.
        query_modality: a `Modality`.
        gallery_modality: likewise.
        same: whether they show the same person.
    """

    query: str
    row: str
    similarity: float
    query_modality: int
    gallery_modality: int
    same: bool


def add_mark(folder: Path, mark: Mark) -> None:
    """Append a verdict.

    Raises:
        RunError: it cannot be written.
    """
    file = folder / MARKS
    line = json.dumps({"when": datetime.now(timezone.utc).isoformat(timespec="seconds"), **asdict(mark)}) + "\n"
    try:
        with open(file, "a", encoding="utf-8", opener=no_links) as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise cannot_write(file, error) from error


def read_marks(folder: Path) -> list[Mark]:
    """Read all verdicts; of several on the same query and row the last counts.

    Raises:
        GalleryError: a line is damaged.
    """
    file = folder / MARKS
    if not file.is_file():
        return []
    found: dict[tuple[str, str], Mark] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            fields = json.loads(line)
            fields.pop("when")
            mark = Mark(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GalleryError(f"{file}: expected a mark in line {number}, found something else; delete it") from error
        found[mark.query, mark.row] = mark
    return list(found.values())
