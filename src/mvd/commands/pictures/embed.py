"""`mvd.embed`: embed the user's own pictures, in chunks of bounded memory.

Shapes: N pictures, H × W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from mvd.data.images import damaged
from mvd.data.own.listing import Listed, list_pictures
from mvd.data.own.reading import Guess, ReadPicture, guess_modality, read_picture
from mvd.data.progress import Progress
from mvd.data.samples import Modality, modality_of
from mvd.data.workers import map_batches
from mvd.errors import ConfigError, DatasetError, require_choice
from mvd.files.several import several
from mvd.inference import PictureModel, open_model
from mvd.results.embeddings import Embeddings, concatenate

ModalityFlag: TypeAlias = Literal["auto", "visible", "infrared"]
OnBad: TypeAlias = Callable[[str, DatasetError], None]
Sources: TypeAlias = str | Path | Iterable[str | Path]

CHUNK = 512
"""Number of pictures that are read, embedded and saved together."""


def embed(
    model: PictureModel | str | Path,
    pictures: Sources,
    *,
    modality: ModalityFlag | Modality = "auto",
    skip_bad: bool = False,
    framework: Literal["auto", "pytorch", "mindspore"] = "auto",
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    batch: int = 0,
    progress: Progress | None = None,
) -> Embeddings:
    """Embed pictures, and return all embeddings in memory (`embed_chunks` and `embed_to_file` hold one chunk only).

    Args:
        model: an open model, or an ONNX file, a run folder, a checkpoint and so on, as for `mvd.inference.open_model`.
        pictures: files, folders (searched recursively), glob patterns, CSV tables (see `mvd.data.own.listing`).
        modality: modality of all pictures; "auto" uses the table or the folder's name, or else guesses from the pixels.
        skip_bad: skip unreadable pictures, instead of raising the first error.
        framework: see `open_model`; ignored if the model is open.
        device: see `open_model`; ignored if the model is open.
        precision: see `open_model`; ignored if the model is open.
        workers: workers that decode pictures; 0 means one per core.
        batch: as for `open_model`; ignored if the model is open.
        progress: called with (pictures done, pictures in total).

    Raises:
        DatasetError: a source does not exist, a picture cannot be read, or no picture can be read.
        CheckpointError: the model is damaged, or not a model of mvd.
        ConfigError: the device is not available, or a package is missing.
    """
    listed = list_sources(pictures, modality)
    if isinstance(model, str | os.PathLike):
        model = open_model(model, framework=framework, device=device, precision=precision, batch=batch)
    if not hasattr(model, "identity"):
        raise ConfigError(
            f"model: expected what mvd.open_model returns, or a file, a folder or a name, found {type(model).__name__}"
        )
    found = concatenate(list(embed_chunks(model, listed, skip_bad=skip_bad, workers=workers, progress=progress)))
    require_some(len(found))
    return found


def embed_chunks(
    model: PictureModel,
    pictures: Sources | Sequence[Listed],
    *,
    modality: ModalityFlag | Modality = "auto",
    skip_bad: bool = False,
    workers: int = 0,
    on_bad: OnBad | None = None,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> Iterator[Embeddings]:
    """Embed pictures, and yield the embeddings in order, in chunks; the next chunk is read in the background.

    Args:
        model: the network.
        pictures: as for `embed`; or listed pictures, for which `modality` is ignored.
        modality: as for `embed`.
        skip_bad: as for `embed`.
        workers: as for `embed`.
        on_bad: called with the path and the error of each skipped picture.
        progress: as for `embed`.
        chunk: pictures per chunk.

    Raises:
        DatasetError: as for `embed`.
    """
    listed = list_sources(pictures, modality)
    height, width = model.size

    read = partial(read_listed, height=height, width=width)
    done = 0
    with closing(map_batches(read, listed, chunk, workers)) as batches:
        for outcomes in batches:
            good: list[tuple[Listed, ReadPicture, Guess]] = []
            for one, outcome in zip(listed[done : done + len(outcomes)], outcomes, strict=True):
                if not isinstance(outcome, DatasetError):
                    good.append((one, *outcome))
                elif not skip_bad:
                    raise outcome
                elif on_bad is not None:
                    on_bad(one.path, outcome)
            yield _embed_rows(model, good)
            done += len(outcomes)
            if progress is not None:
                progress(done, len(listed))


def list_sources(pictures: Sources | Sequence[Listed], modality: ModalityFlag | Modality) -> Sequence[Listed]:
    """List pictures, unless they are listed already.

    Raises:
        ConfigError: there is no such choice of `modality`.
        DatasetError: a source does not exist, or there are no pictures.
    """
    given = several(pictures)
    if given and isinstance(given[0], Listed):
        return cast("tuple[Listed, ...]", given)
    if other := [type(one).__name__ for one in given if not isinstance(one, str | os.PathLike)]:
        raise DatasetError(
            f"pictures: expected files, folders, patterns or CSV tables, found {other[0]}; embed pictures in memory by "
            f"what mvd.open_model returns"
        )
    if not isinstance(modality, Modality):
        require_choice("modality", modality, get_args(ModalityFlag))
    told = None if modality == "auto" else modality_of(modality)
    return list_pictures(cast("tuple[str | Path, ...]", given), told)


def read_listed(one: Listed, height: int, width: int) -> tuple[ReadPicture, Guess] | DatasetError:
    """Read a listed picture, and guess its modality if it is unknown; return the error if it cannot be read."""
    try:
        one.path.encode()
    except UnicodeEncodeError:
        return damaged(Path(one.path), "expected a name in UTF-8, found other bytes")
    try:
        read = read_picture(Path(one.path), height, width)
    except DatasetError as error:
        return error
    return read, guess_modality(read.pixels) if one.modality is None else Guess(one.modality, 1.0)


def require_some(count: int) -> None:
    """Check that there are embeddings.

    Raises:
        DatasetError: every picture was skipped.
    """
    if not count:
        raise DatasetError("expected at least one readable picture, found none; check the first one")


def _embed_rows(model: PictureModel, rows: Sequence[tuple[Listed, ReadPicture, Guess]]) -> Embeddings:
    """Embed decoded pictures."""
    modalities = np.array([guess.modality for *_, guess in rows], np.int64)
    pixels = [read.pixels for _, read, _ in rows]
    vectors = model(np.stack(pixels), modalities) if pixels else np.zeros((0, model.width), np.float32)
    return Embeddings(
        model=model.identity,
        paths=tuple(one.path for one, *_ in rows),
        hashes=tuple(read.hash for _, read, _ in rows),
        modalities=modalities,
        modality_sources=tuple(one.source or "pixels" for one, *_ in rows),
        modality_confidences=np.array([guess.confidence for *_, guess in rows], np.float32),
        cameras=tuple(one.camera for one, *_ in rows),
        times=np.array([read.time if np.isnat(one.time) else one.time for one, read, _ in rows], "datetime64[us]"),
        identities=tuple(one.identity for one, *_ in rows),
        tags=tuple(one.tags for one, *_ in rows),
        vectors=vectors,
    )
