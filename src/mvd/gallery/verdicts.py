"""Verdicts: search results that a user marked as right or wrong, as lines of a file in the gallery's folder.

Each line contains the similarity, the modalities and the verdict, from which `mvd calibrate` learns. Pictures are
identified by hashes only.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from mvd.data.samples import Modality
from mvd.errors import GalleryError
from mvd.files.appending import append, end_last_line, whole_lines
from mvd.files.atomic import writing
from mvd.files.locks import file_locked

VERDICTS = "verdicts.jsonl"
"""Name of the file in the gallery's folder."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a search result shows the person of the query.

    Attributes:
        model: fingerprint of the model that computed the similarity.
        query: SHA-256 of the bytes of the query's first picture.
        pictures: number of pictures of the query; the similarity is to their mean.
        row: identifier of the result's row.
        similarity: similarity of query and result, -1 … 1.
        query_modality: modality of the query, a `Modality`.
        gallery_modality: modality of the result, a `Modality`.
        same: whether both show the same person.
    """

    model: str
    query: str
    pictures: int
    row: str
    similarity: float
    query_modality: int
    gallery_modality: int
    same: bool


def add_verdict(folder: Path, verdict: Verdict) -> None:
    """Append a verdict, and wait until it is on disk.

    Raises:
        RunError: the file cannot be written; it is as before.
    """
    file = folder / VERDICTS
    record = {"time": datetime.now(timezone.utc).isoformat(timespec="seconds"), **asdict(verdict)}
    with writing(file), file_locked(file.with_name(f".{file.name}.lock")):
        end_last_line(file)
        append(file, json.dumps(record) + "\n", durable=True)


def read_verdicts(folder: Path) -> list[Verdict]:
    """Read all verdicts, but an incomplete last line; if there are several on a query and a row, keep the last.

    Raises:
        GalleryError: the file cannot be read, or another line is damaged.
    """
    file = folder / VERDICTS
    if not file.exists():
        return []
    found: dict[tuple[str, str], Verdict] = {}
    try:
        lines = whole_lines(file.read_bytes())
    except OSError as error:
        raise GalleryError(
            f"{file}: expected verdicts, could not read them ({error.strerror}); allow reading it"
        ) from error
    for number, line in enumerate(lines, start=1):
        try:
            verdict = _read(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise GalleryError(
                f"{file}: expected a verdict in line {number}, found something else; delete that line"
            ) from error
        found[verdict.query, verdict.row] = verdict
    return list(found.values())


def _read(fields: dict[str, object]) -> Verdict:
    fields.pop("time")
    verdict = Verdict(**fields)  # type: ignore[arg-type]  # checked below
    whole = all(type(one) is int for one in (verdict.pictures, verdict.query_modality, verdict.gallery_modality))
    words = all(isinstance(one, str) for one in (verdict.model, verdict.query, verdict.row))
    if not whole or not words or type(verdict.same) is not bool or not math.isfinite(verdict.similarity):
        raise ValueError("a field of another type")
    Modality(verdict.query_modality), Modality(verdict.gallery_modality)
    return verdict
