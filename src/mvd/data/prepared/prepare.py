"""Prepare training pictures: decode and resize them once, into the arrays that `mvd.data.prepared.arrays` opens.

Pictures are decoded in chunks by several processes. Each process writes its chunk directly to an unfinished array, so
no picture is sent between processes and each process holds one picture in memory. Finished chunks are recorded in a
journal. If the job is killed and started again, it continues from there: the unfinished arrays and the journal
(`.train_*.part`, `.mvd-prepare.journal`) stay in the folder until the job is complete. Then all files are renamed, the
labels last, since arrays without labels cannot be loaded. A picture whose size or date has changed is decoded again.
A job that is finished already is recognised (`mvd.data.prepared.finished`), and nothing is decoded.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mvd.data.images import verify_image
from mvd.data.prepared.array_writing import UnfinishedArray, plan_arrays, require_place
from mvd.data.prepared.arrays import array_files, training_samples
from mvd.data.prepared.decoders import Decode, Decoder, load_decoder
from mvd.data.prepared.finished import describe_job, is_finished, record_finished
from mvd.data.prepared.journal import Journal, open_journal
from mvd.data.progress import Progress, silent
from mvd.data.samples import Dataset, Modality, Samples, or_split
from mvd.data.workers import run_unordered, worker_count
from mvd.errors import DatasetError
from mvd.files.atomic import flush, is_temporary, replacing, write_atomically
from mvd.files.regular import is_there

_JOURNAL = ".mvd-prepare.journal"
_COMPLETE = "complete"  # the entry after the last chunk
_FORMAT = 3  # version of chunks and journal
_CHUNK_BYTES = 1 << 21  # bytes of rows: worth sending to a process, cheap to decode again
_CHUNK_PICTURES = 64  # at most
_CHUNKS_PER_PROCESS = 32  # fewer chunks are finished before a further process has started
_RECORD_SECONDS = 0.5  # between entries in the journal: the most work lost when the process is killed
_DEFAULT_WORKERS = 4  # at most


def prepare_arrays(
    dataset: Dataset,
    out: Path,
    height: int = 288,
    width: int = 144,
    *,
    decoder: Decoder = "pillow",
    workers: int = 0,
    progress: Progress | None = None,
) -> None:
    """Decode and resize the train and validation pictures into arrays, and verify every test picture.

    Args:
        dataset: the scanned data set.
        out: folder for the arrays; training looks for them in `default_folder(dataset)`.
        height: H.
        width: W.
        decoder: "pillow" for the original's arrays, bit for bit; "fast" for the fast decoder of
            `mvd.data.prepared.decoders`.
        workers: number of processes, including this one; 0 means one per core, but at most four, which use less than
            400 MB together. The arrays do not depend on it.
        progress: called in this thread with (pictures done, total pictures); the first call counts the pictures of an
            interrupted job.

    Raises:
        DatasetError: there are no training identities; a picture cannot be read; the arrays cannot be written; or
            another call works in the folder.
        ConfigError: the decoder's packages are not installed.
    """
    decode, versions = load_decoder(decoder)
    both = training_samples(dataset)
    _require_both_modalities(dataset, both)
    tables = [both.of(modality) for modality in Modality]
    arrays = plan_arrays(both, out, height, width)
    rows = min(max(_CHUNK_BYTES // (height * width * 3), 1), _CHUNK_PICTURES)
    chunks = [
        _Chunk(dataset.root, table.paths[row : row + rows].tolist(), array, row, decode, dataset.upright)
        for array, table in zip([*arrays, None], [*tables, dataset.test], strict=True)
        for row in range(0, len(table), rows)
    ]
    settings = [
        _FORMAT,
        versions,
        dataset.upright,
        height,
        width,
        rows,
        *(table.to_csv() for table in (*tables, dataset.test)),
    ]
    fingerprint = hashlib.sha256(json.dumps(settings).encode()).hexdigest()
    workers = workers or min(worker_count(0), _DEFAULT_WORKERS)
    job = describe_job(fingerprint, (file for chunk in chunks for file in chunk.files()))
    begun = is_there(out / _JOURNAL) or any(is_there(array.part) for array in arrays)
    if not begun and is_finished(out, job):
        total = sum(len(chunk.paths) for chunk in chunks)
        (progress or silent)(total, total)
        return
    with _explaining_errors(out):
        require_place(out, arrays, continued=is_there(out / _JOURNAL))
        out.mkdir(parents=True, exist_ok=True)
        with open_journal(out / _JOURNAL, fingerprint) as journal:
            _run(chunks, arrays, journal, workers, progress or silent)
            journal.add([(_COMPLETE, "")])
            _publish(out, both, arrays)
            record_finished(out, job)


def rehearse_preparing(dataset: Dataset, out: Path, height: int = 288, width: int = 144) -> None:
    """Check before decoding that the arrays can be written to a folder: permissions, names and free space.

    Nothing is written. `prepare_arrays` performs the same check.

    Args:
        dataset: the scanned data set.
        out: folder for the arrays; it need not exist.
        height: H.
        width: W.

    Raises:
        DatasetError: the arrays cannot be written to the folder.
    """
    with _explaining_errors(out):
        arrays = plan_arrays(training_samples(dataset), out, height, width)
        require_place(out, arrays, continued=is_there(out / _JOURNAL))


@dataclass(frozen=True)
class _Chunk:
    """Consecutive pictures of an array, or of the test set (`array` None), which are only verified."""

    root: Path
    paths: Sequence[str]
    array: UnfinishedArray | None
    row: int
    decode: Decode
    upright: bool

    @property
    def key(self) -> str:
        return f"{self.array.file.name if self.array else 'test'} {self.row}"

    def stamp(self) -> str:
        """Hash the sizes and dates of the files."""
        return hashlib.blake2b(json.dumps([_state(file) for file in self.files()]).encode(), digest_size=8).hexdigest()

    def files(self) -> Iterator[Path]:
        return (self.root / path for path in self.paths)

    def run(self) -> str:
        """Decode the pictures into their rows and return the stamp."""
        stamp = self.stamp()  # before reading, so that a later change of a file changes the stamp
        if self.array is None:
            for file in self.files():
                verify_image(file)
        else:
            _, height, width, _ = self.array.shape
            self.array.write(
                self.row, (self.decode(file, height, width, upright=self.upright) for file in self.files())
            )
        return stamp


def _state(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:  # reading the file will fail too, with an error that names it
        return None
    return status.st_size, status.st_mtime_ns


def _run(
    chunks: Sequence[_Chunk], arrays: Sequence[UnfinishedArray], journal: Journal, workers: int, progress: Progress
) -> None:
    """Run the unfinished chunks, and record them as they finish."""
    left = _unfinished(chunks, arrays, journal)
    total = sum(len(chunk.paths) for chunk in chunks)
    done = total - sum(len(chunk.paths) for chunk in left)
    progress(done, total)
    workers = min(workers, max(1, len(left) // _CHUNKS_PER_PROCESS))
    finished: list[tuple[str, str]] = []
    recorded = time.monotonic()
    try:
        with closing(run_unordered(_Chunk.run, left, workers)) as results:
            for chunk, stamp in results:
                finished.append((chunk.key, stamp))
                done += len(chunk.paths)
                if time.monotonic() - recorded >= _RECORD_SECONDS:
                    _record(finished, arrays, journal)
                    recorded = time.monotonic()
                progress(done, total)
    finally:  # also after an error or Ctrl-C
        _record(finished, arrays, journal)


def _unfinished(chunks: Sequence[_Chunk], arrays: Sequence[UnfinishedArray], journal: Journal) -> Sequence[_Chunk]:
    """List the chunks to run; all of them, with new arrays, if the unfinished arrays are missing."""
    recorded = journal.entries
    left = [chunk for chunk in chunks if chunk.key not in recorded or recorded[chunk.key] != chunk.stamp()]
    publishing = _COMPLETE in recorded and not left  # some arrays may have been renamed already
    if all(array.is_at(array.part) or (publishing and array.is_at(array.file)) for array in arrays):
        return left
    journal.clear()
    for array in arrays:
        array.part.unlink(missing_ok=True)  # a link would be followed
        np.lib.format.open_memmap(array.part, mode="w+", dtype=np.uint8, shape=array.shape)
    return chunks


def _record(finished: list[tuple[str, str]], arrays: Sequence[UnfinishedArray], journal: Journal) -> None:
    """Record finished chunks in the journal after flushing them to the disk."""
    if finished:
        for array in arrays:
            flush(array.part)
        journal.add(finished)
        finished.clear()


def _publish(out: Path, both: Samples, arrays: Sequence[UnfinishedArray]) -> None:
    """Rename all files, the labels last, so that incomplete arrays cannot be loaded."""
    for modality in Modality:
        array_files(out, modality).labels.unlink(missing_ok=True)
    for modality, array in zip(Modality, arrays, strict=True):
        if array.part.exists():
            array.part.replace(array.file)
        write_atomically(array_files(out, modality).table, both.of(modality).to_csv())
    for modality in Modality:
        labels = np.searchsorted(both.people, both.of(modality).identities).astype(np.int64)
        with replacing(array_files(out, modality).labels) as temporary, temporary.open("wb") as file:
            np.save(file, labels)
    for leftover in filter(is_temporary, out.glob(".train_*_resized*")):  # left by a call that was killed here
        leftover.unlink()


def _require_both_modalities(dataset: Dataset, both: Samples) -> None:
    for modality in Modality:
        if not len(both.of(modality)):
            raise DatasetError(
                f"{dataset.root}: expected visible and infrared pictures of people to train on, found no "
                f"{modality.name.lower()} ones; name such people in {dataset.people_lists}{or_split(dataset)}"
            )


@contextmanager
def _explaining_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise DatasetError(
            f"{out}: expected every process to finish its pictures, found one that ended early, perhaps killed for "
            f"lack of memory; start again, with fewer --workers, to continue"
        ) from error
    except OSError as error:
        raise DatasetError(
            f"{out}: expected a folder to write the arrays to, could not ({error.strerror or error}); make room and "
            f"start again to continue, or choose another with --out"
        ) from error
