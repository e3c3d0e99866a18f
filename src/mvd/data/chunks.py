"""Works through pictures in chunks, in several processes, and keeps what is finished.

Whoever does a chunk also writes it to its place, so no picture goes through a pipe, and memory holds a picture for each
worker, however many there are. On two cores threads took a tenth longer: Pillow lets go of the interpreter when it
decodes and resizes, but not in between.

Chunks go into the journal when they are on the disk, and count as long as their pictures have the sizes and dates that
they had: where a picture is replaced, its chunk is done again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mvd.data.arrays import Progress
from mvd.data.journal import Journal
from mvd.data.unfinished import UnfinishedArray
from mvd.data.workers import in_parallel

_WORTH_A_PROCESS = 32  # chunks; fewer are done by the time that it has started
_RECORD_SECONDS = 0.5  # between entries in the journal: what being killed costs at most

Work = Callable[[int, Sequence[Path]], None]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Pictures that are worked through in chunks; a chunk goes by its first row.

    Attributes:
        name: what the journal calls them.
        fingerprint: of all that decides what becomes of them, but for the content of their files.
        root: folder that `paths` are relative to.
        paths: the files, a row each.
        chunk: how many make a chunk.
        work: does a chunk, given its first row and its files; can be sent to a process.
        array: what `work` fills; None if it leaves nothing behind.
    """

    name: str
    fingerprint: str
    root: Path
    paths: Sequence[str]
    chunk: int
    work: Work
    array: UnfinishedArray | None = None

    @property
    def rows(self) -> range:
        """The first row of each chunk."""
        return range(0, len(self.paths), self.chunk)

    def files(self, row: int) -> list[Path]:
        """List the files of a chunk."""
        return [self.root / path for path in self.paths[row : row + self.chunk]]

    def count(self, row: int) -> int:
        """Count the pictures of a chunk; the last one may be short."""
        return min(self.chunk, len(self.paths) - row)


def work_through(parts: Sequence[Part], journal: Journal, *, workers: int, progress: Progress) -> None:
    """Do every chunk of some parts that is not finished.

    Args:
        parts: what is to be done; their fingerprints are those that the journal was opened with.
        journal: says what is finished, and takes down what gets finished here.
        workers: number of processes, this one included; fewer are used where there is little to do.
        progress: called in this thread with (pictures done, pictures in all), first with what was finished before.

    Raises:
        DatasetError: as a part's `work`.
        OSError: the arrays or the journal cannot be written.
        LostWorkerError: a process was killed.
    """
    left = [(part, row) for part in parts for row in _unfinished(part, journal)]
    total = sum(len(part.paths) for part in parts)
    done = total - sum(part.count(row) for part, row in left)
    progress(done, total)
    jobs = (((part, row), partial(_do, part.work, row, part.files(row))) for part, row in left)
    recorded = time.monotonic()
    try:
        with closing(in_parallel(jobs, min(workers, max(1, len(left) // _WORTH_A_PROCESS)))) as finished:
            for (part, row), stamp in finished:
                journal.add(part.name, row, stamp)
                done += part.count(row)
                if time.monotonic() - recorded >= _RECORD_SECONDS:
                    _record(parts, journal)
                    recorded = time.monotonic()
                progress(done, total)
    finally:  # after an error or Ctrl-C, too
        _record(parts, journal)


def _unfinished(part: Part, journal: Journal) -> Sequence[int]:
    """List the chunks that are to be done, and see that there is an array to put them into."""
    array = part.array
    there = array is None or array.is_begun() or (journal.whole and array.is_published())
    left = [row for row in part.rows if not (there and _is_finished(part, row, journal))]
    if left and array is not None and not array.is_begun():
        journal.forget(part.name)
        array.create()
        return part.rows
    return left


def _is_finished(part: Part, row: int, journal: Journal) -> bool:
    stamp = journal.stamp(part.name, row)
    return stamp is not None and stamp == _stamp(part.files(row))


def _stamp(files: Sequence[Path]) -> str:
    """Condense the sizes and dates of some files."""
    return hashlib.blake2b(json.dumps([_state(file) for file in files]).encode(), digest_size=8).hexdigest()


def _state(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:  # reading it will tell, and name it
        return None
    return status.st_size, status.st_mtime_ns


def _do(work: Work, row: int, files: Sequence[Path]) -> str:
    stamp = _stamp(files)  # first: a file that changes from here on has another one
    work(row, files)
    return stamp


def _record(parts: Sequence[Part], journal: Journal) -> None:
    """Enter what is finished into the journal, once it is on the disk."""
    for part in parts:
        if part.array is not None and part.array.is_begun():
            part.array.sync()
    journal.write()
