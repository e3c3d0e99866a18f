"""Record of a finished preparation, by which the same one is recognised: nothing is decoded again.

The record, `.mvd-prepare.json` beside the arrays, has the fingerprint of the job, and sizes, times and file numbers of
its pictures and of what it wrote. The time of the last change is that of the file system, which no program can set: a
picture or an array that was replaced is noticed even if its size and its date are the old ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mvd.data.prepared.arrays import array_files
from mvd.data.samples import Modality
from mvd.files.atomic import write_atomically
from mvd.files.strict_json import parse_json

_RECORD = ".mvd-prepare.json"


def describe_job(fingerprint: str, pictures: Iterable[Path]) -> str:
    """Hash a job and the states of its pictures, before any is read, so that later changes are noticed.

    Args:
        fingerprint: hash of everything else that determines the job's results.
        pictures: the files, in order.
    """
    found = hashlib.sha256(fingerprint.encode())
    for picture in pictures:
        found.update(repr(_state(picture)).encode())
    return found.hexdigest()


def is_finished(out: Path, job: str) -> bool:
    """Return whether a folder has the arrays of a job (`describe_job`), unchanged since."""
    try:
        return bool(parse_json((out / _RECORD).read_text(encoding="utf-8")) == _record(out, job))
    except (OSError, ValueError):
        return False


def record_finished(out: Path, job: str) -> None:
    """Record that a folder has the arrays of a job.

    Raises:
        OSError: the record cannot be written.
    """
    write_atomically(out / _RECORD, json.dumps(_record(out, job)) + "\n")


def _record(out: Path, job: str) -> dict[str, Any]:
    files = [file for modality in Modality for file in vars(array_files(out, modality)).values()]
    return {"job": job, "files": [_state(file) for file in files]}


def _state(file: Path) -> list[int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
