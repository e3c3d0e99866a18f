"""`mvd embed`: embed the user's own pictures into a file; an interruption loses at most one chunk.

Finished chunks are kept in a hidden folder next to the output file until all are done. The name of a chunk is a hash
of the model and its precision, its list of pictures, and the size and modification time of each file, so changed files
are embedded again.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

from mvd import distributed
from mvd.commands.pictures.embed import (
    CHUNK,
    ModalityFlag,
    Sources,
    embed_chunks,
    list_sources,
    read_listed,
    require_some,
)
from mvd.config import RuntimeConfig
from mvd.data.own.listing import Listed
from mvd.data.progress import Progress
from mvd.distributed.launch import process_count
from mvd.errors import DatasetError, needing_torch
from mvd.files.atomic import writing
from mvd.files.locks import name_locked
from mvd.inference import PictureModel, open_model
from mvd.inference.models import find_model
from mvd.results.embed import EmbedResult
from mvd.results.embeddings import Embeddings, embeddings_format, read_embeddings, write_embeddings

_FORMAT = "2"


def embed_to_file(
    model: str | Path,
    pictures: Sources,
    out: str | Path,
    *,
    modality: ModalityFlag = "auto",
    skip_bad: bool = False,
    framework: Literal["auto", "pytorch", "mindspore"] = "auto",
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    batch: int = 0,
    progress: Progress | None = None,
) -> EmbedResult:
    """Embed pictures into a file. An interrupted call can be repeated to continue; processes of a launch share chunks.

    Args:
        model: as for `mvd.inference.open_model`.
        pictures: as for `mvd.embed`.
        out: output file, .parquet or .npz; an existing file is replaced at the end. Processes on several machines must
            see the same folder.
        progress: called with (pictures done, pictures in total) of this process.

    The other arguments are those of `mvd.embed`.

    Raises:
        DatasetError: as for `mvd.embed`.
        CheckpointError: as for `mvd.embed`.
        ConfigError: as for `mvd.embed`; or the file's suffix is not supported, or pyarrow is missing.
        RunError: the file or a chunk cannot be written.
        BusyError: another command is writing this file.
    """
    out = Path(out)
    embeddings_format(out)
    with ExitStack() as stack:
        with needing_torch("expected PyTorch, by which the launched processes communicate, found none"):
            stack.enter_context(distributed.joined(RuntimeConfig(device=device)))
        with distributed.agreement():
            if Path(model).exists():
                find_model(model)  # where the arguments are swapped, it is the model that is wrong
            listed = list_sources(pictures, modality)
            opened = open_model(
                model, framework=framework, device=_own_device(device), precision=precision, batch=batch
            )
        with distributed.agreement():
            folder = out.with_name(f".{out.name}.chunks")
            if distributed.is_first():
                _make(folder)
                stack.enter_context(name_locked(out))
                stack.enter_context(_left_if_used(folder))
        job = _Job(opened, listed, folder, skip_bad, precision)
        with distributed.agreement():
            reused = job.embed(workers, progress)
        result: EmbedResult | None = None
        with distributed.agreement():
            if distributed.is_first():
                told, confidences = Counter[str](), list[float]()
                write_embeddings(out, _counted(job.parts(), told, confidences))
                result = EmbedResult(
                    file=out,
                    model=opened.identity,
                    pictures=told.total(),
                    told=dict(told),
                    least_confidence=min(confidences, default=None),
                    bad=tuple(job.bad.values()),
                    reused=reused,
                )
                shutil.rmtree(folder)
        return distributed.broadcast(result)  # type: ignore[return-value]  # the first process has one


class _Job:
    """The chunks of a command.

    Attributes:
        bad: errors of skipped pictures, by path.
    """

    def __init__(
        self, model: PictureModel, listed: Sequence[Listed], folder: Path, skip_bad: bool, precision: str
    ) -> None:
        self._model = model
        self._skip_bad = skip_bad
        self._chunks = [listed[start : start + CHUNK] for start in range(0, len(listed), CHUNK)]
        self._files = [folder / f"{_key(model, chunk, precision)}.npz" for chunk in self._chunks]
        self.bad: dict[str, str] = {}

    def embed(self, workers: int, progress: Progress | None) -> int:
        """Embed this process's share of the chunks; return the number of pictures embedded by an earlier call."""
        own = range(distributed.index(), len(self._chunks), distributed.count())
        there = [number for number in own if self._is_whole(number)]
        waiting = [number for number in own if number not in there]
        before, total = (sum(len(self._chunks[number]) for number in some) for some in (there, own))
        parts = embed_chunks(
            self._model,
            [one for number in waiting for one in self._chunks[number]],  # all but the last have equal length
            skip_bad=self._skip_bad,
            workers=workers,
            on_bad=self._note,
            progress=progress and (lambda done, _: progress(before + done, total)),
            chunk=CHUNK,
        )
        for number, part in zip(waiting, parts if waiting else (), strict=True):
            write_embeddings(self._files[number], part)
        return before

    def parts(self) -> Iterator[Embeddings]:
        """Read the chunks of all processes in order, and record pictures skipped by other processes."""
        some = 0
        for number, file in enumerate(self._files):
            part = read_embeddings(file)
            self._missing(number, part)
            some += len(part)
            yield part
        require_some(some)

    def _is_whole(self, number: int) -> bool:
        """Return whether a chunk is embedded, and its skipped pictures are still unreadable."""
        if not self._files[number].is_file():
            return False
        try:
            return self._missing(number, read_embeddings(self._files[number]))
        except DatasetError:  # damaged
            return False

    def _missing(self, number: int, part: Embeddings) -> bool:
        """Record the errors of pictures missing from an embedded chunk; return whether all of them are unreadable.

        Raises:
            DatasetError: a picture is unreadable, and `skip_bad` is off.
        """
        there, whole = set(part.paths), True
        for one in self._chunks[number]:
            if one.path not in there and one.path not in self.bad:
                outcome = read_listed(one, *self._model.size)
                if not isinstance(outcome, DatasetError):
                    whole = False
                elif self._skip_bad:
                    self._note(one.path, outcome)
                else:
                    raise outcome
        return whole

    def _note(self, path: str, error: DatasetError) -> None:
        self.bad[path] = str(error)


def _key(model: PictureModel, chunk: Sequence[Listed], precision: str) -> str:
    """Hash everything that determines the embeddings of a chunk."""
    digest = hashlib.sha256(f"{_FORMAT}\0{model.identity.fingerprint}\0{precision}".encode())
    for one in chunk:
        try:
            stat = Path(one.path).stat()
            state = f"{stat.st_size} {stat.st_mtime_ns}"
        except (OSError, ValueError):
            state = "missing"
        digest.update(f"\0{one!r} {state}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def _counted(parts: Iterator[Embeddings], told: Counter[str], confidences: list[float]) -> Iterator[Embeddings]:
    """Yield the parts unchanged, and count the sources of modalities."""
    for part in parts:
        told.update(part.modality_sources)
        guessed = [
            float(confidence)
            for confidence, source in zip(part.modality_confidences, part.modality_sources, strict=True)
            if source == "pixels"
        ]
        confidences += [min(guessed)] if guessed else []
        yield part


def _own_device(device: str) -> str:
    """Return this process's own device, if several processes run on the machine."""
    if process_count() == 1:
        return device
    from mvd.distributed.group import local_runtime

    return local_runtime(RuntimeConfig(device=device)).device


@contextmanager
def _left_if_used(folder: Path) -> Iterator[None]:
    """Remove a folder at the end if it is empty."""
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


def _make(folder: Path) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
