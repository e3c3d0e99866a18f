"""Verdicts: search results that a user marked as right or wrong, as lines of a file in the gallery's folder.

Each line contains the similarity, the modalities and the verdict, from which `mvd calibrate` learns. Pictures are
identified by hashes only.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from mvd.data.samples import Modality
from mvd.errors import GalleryError
from mvd.files.atomic import no_links, writing

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
        RunError: the file cannot be written.
    """
    file = folder / VERDICTS
    record = {"time": datetime.now(timezone.utc).isoformat(timespec="seconds"), **asdict(verdict)}
    with writing(file), open(file, "a+b", opener=no_links) as out:
        size = out.seek(0, os.SEEK_END)
        if size:  # do not append to an incomplete line of a killed process
            out.seek(size - 1)
        broken = bool(size) and out.read(1) != b"\n"
        out.write((b"\n" if broken else b"") + json.dumps(record).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())


def read_verdicts(folder: Path) -> list[Verdict]:
    """Read all verdicts; if there are several on the same query and row, keep the last.

    Raises:
        GalleryError: the file cannot be read, or a line is damaged.
    """
    file = folder / VERDICTS
    if not file.exists():
        return []
    found: dict[tuple[str, str], Verdict] = {}
    try:
        lines = file.read_bytes().splitlines()
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
