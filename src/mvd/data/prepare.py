"""Makes prepared pictures: decodes and resizes a data set's training pictures into the arrays that `store` loads.

Whatever stops it, it goes on from there when it is started again: the unfinished arrays and a journal of them stay in
the folder (`.train_*.part`, `.mvd-prepare.journal`) until all is done. Then the arrays take their names together, the
labels last, without which nothing is loaded.

Shapes: N pictures, H height, W width in pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from mvd.data.arrays import Progress, array_files, training_samples
from mvd.data.chunks import Part, work_through
from mvd.data.decoding import Decode, Decoder, load_decoder
from mvd.data.images import read_image, worker_count
from mvd.data.journal import open_journal
from mvd.data.samples import Dataset, Modality, Samples
from mvd.data.unfinished import UnfinishedArray
from mvd.data.workers import LostWorkerError
from mvd.errors import DatasetError

_JOURNAL = ".mvd-prepare.journal"
_FORMAT = 1  # of what a fingerprint is taken from, and of the chunks
_CHUNK_BYTES = 1 << 21  # of rows: enough to be worth handing over, few enough to be done again
_CHUNK_PICTURES = 64  # at most
_MOST_UNASKED = 4  # workers


def prepare(
    dataset: Dataset,
    out: Path,
    height: int,
    width: int,
    *,
    decoder: Decoder = "pillow",
    workers: int = 0,
    progress: Progress | None = None,
) -> None:
    """Decode and resize the train and validation pictures into arrays, and read every test picture once.

    Args:
        dataset: what was scanned.
        out: folder for the arrays; `default_folder`, to have them where training looks.
        height: H, 288 in the original.
        width: W, 144 in the original.
        decoder: "pillow" for the original's arrays, bit for bit; "fast" for what `mvd.data.decoding` says.
        workers: processes, this one included; 0 means one for each core, but four at most, which stay below 400 MB
            together. The arrays do not depend on it. More than one need a main module that can be imported, as
            everything does that uses `multiprocessing`.
        progress: called in this thread with (pictures done, pictures in all), first with what an earlier call did.

    Raises:
        DatasetError: there is nobody to train on; a picture cannot be read, also one of the test set (better now than
            after hours of training); the arrays cannot be written; or another call is at work in the folder.
        ConfigError: the decoder's packages are not installed.
    """
    decode, versions = load_decoder(decoder)
    both = training_samples(dataset)
    _require_modalities(dataset, both)
    arrays = {
        modality: UnfinishedArray(
            file=array_files(out, modality).images, shape=(len(both.of(modality)), height, width, 3)
        )
        for modality in Modality
    }
    parts = [_filling(dataset.root, both.of(m), array, decode, versions) for m, array in arrays.items()]
    parts.append(_reading(dataset))
    with _naming_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        with open_journal(out / _JOURNAL, {part.name: part.fingerprint for part in parts}) as journal:
            workers = workers or min(worker_count(0), _MOST_UNASKED)
            work_through(parts, journal, workers=workers, progress=progress or _keep_quiet)
            journal.mark_whole()
            _publish(out, both, arrays)


def _filling(root: Path, samples: Samples, array: UnfinishedArray, decode: Decode, versions: str) -> Part:
    """Make the part that fills an array."""
    _, height, width, _ = array.shape
    chunk = min(max(_CHUNK_BYTES // array.row_bytes, 1), _CHUNK_PICTURES)
    return Part(
        name=array.file.name,
        fingerprint=_fingerprint(samples, chunk, versions, height, width),
        root=root,
        paths=samples.paths.tolist(),
        chunk=chunk,
        work=partial(_fill, array, decode),
        array=array,
    )


def _reading(dataset: Dataset) -> Part:
    """Make the part that reads the test pictures."""
    return Part(
        name="test",
        fingerprint=_fingerprint(dataset.test, _CHUNK_PICTURES),
        root=dataset.root,
        paths=dataset.test.paths.tolist(),
        chunk=_CHUNK_PICTURES,
        work=_read,
    )


def _fill(array: UnfinishedArray, decode: Decode, row: int, files: Sequence[Path]) -> None:
    _, height, width, _ = array.shape
    array.write(row, (decode(file, height, width) for file in files))


def _read(row: int, files: Sequence[Path]) -> None:
    for file in files:
        read_image(file)


def _fingerprint(samples: Samples, *settings: object) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, samples.to_csv(), *settings]).encode()).hexdigest()


def _publish(out: Path, both: Samples, arrays: Mapping[Modality, UnfinishedArray]) -> None:
    """Give all files their names; while that is not done, there are no labels, and so nothing that can be loaded."""
    for modality in arrays:
        array_files(out, modality).labels.unlink(missing_ok=True)
    for modality, array in arrays.items():
        array.publish()
        with _beside(array_files(out, modality).table) as part:
            part.write_text(both.of(modality).to_csv(), encoding="utf-8", newline="")
    for modality in arrays:
        labels = np.searchsorted(both.people, both.of(modality).identities).astype(np.int64)
        with _beside(array_files(out, modality).labels) as part, part.open("wb") as file:
            np.save(file, labels)


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes `file` if all goes well and vanishes if not."""
    part = file.with_name(f".{file.name}.part")
    try:
        yield part
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _require_modalities(dataset: Dataset, both: Samples) -> None:
    for modality in Modality:
        if not len(both.of(modality)):
            raise DatasetError(
                f"{dataset.root}: expected visible and infrared pictures of people to train on, found no "
                f"{modality.name.lower()} ones; name such people in {dataset.people_lists}"
            )


@contextmanager
def _naming_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except LostWorkerError as error:
        raise DatasetError(
            f"{out}: expected every process to finish its pictures, found one that ended early (exit code "
            f"{error.exit_code}), killed for lack of memory perhaps; start again, with fewer --workers, to go on"
        ) from error
    except OSError as error:
        raise DatasetError(
            f"{out}: expected a folder to write the arrays to, could not ({error.strerror or error}); make room and "
            f"start again to go on, or choose another with --out"
        ) from error


def _keep_quiet(done: int, total: int) -> None:
    pass
