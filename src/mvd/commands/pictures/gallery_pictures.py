"""Pictures for a gallery: listed, told from those that are there, embedded; once more by another model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mvd.commands.pictures.embed import embed_chunks
from mvd.data.images import read_file
from mvd.data.own.listing import Listed, list_pictures
from mvd.data.progress import Progress
from mvd.data.samples import Modality
from mvd.errors import DatasetError, GalleryError, MvdError
from mvd.files.names import shell_words
from mvd.gallery.columns import ROW, VECTOR, Settings, file_state, row_name, schema_of
from mvd.gallery.table import PictureTable
from mvd.inference import PictureModel
from mvd.inference.models import RENDERED, box_model
from mvd.results.embeddings import Embeddings, ModelIdentity, read_embeddings

if TYPE_CHECKING:
    import pyarrow as pa

Source: TypeAlias = str | Path | Embeddings

FOLDER = ".mvd-gallery"
"""The gallery of a folder of pictures, in that folder."""

_LIMITS = "## What it is not good for"  # of a card
_FILES = (".parquet", ".npz")
_CHUNK = 256  # pictures of a transaction


def describe_box() -> str:
    """Say that the model in the box is taken: what it was trained on and what it is not good for, by its card."""
    taken = f"no model was named: {RENDERED} is taken, the model in the box."
    try:
        card = box_model().with_suffix(".md").read_text(encoding="utf-8")
    except (MvdError, OSError):
        return f"{taken} It was trained on rendered people only, never on photographs; see docs/responsible-use.md."
    training, _, rest = card.partition(_LIMITS)
    limits = rest.partition("\n## ")[0]
    trained = [one for one in _bullets(training) if one.startswith("Trained on")]
    return " ".join([taken, *trained, "What it is not good for:", *_bullets(limits)])


def _bullets(text: str) -> list[str]:
    r"""Read the items of a Markdown list, each as one line.

    >>> _bullets("# A list\n\n- one\n  item\n- another\n")
    ['one item', 'another']
    """
    return [" ".join(item.split()) for item in re.findall(r"^- (.*(?:\n  .*)*)", text, re.M)]


def list_sources(sources: Sequence[Source]) -> tuple[list[str | Path], list[Embeddings]]:
    """Tell what is to be embedded from what is embedded already, and read that."""
    paths: list[str | Path] = []
    ready: list[Embeddings] = []
    for one in sources:
        if isinstance(one, Embeddings):
            ready.append(one)
        elif Path(one).suffix.lower() in _FILES:
            ready.append(read_embeddings(one))
        else:
            paths.append(one)
    return paths, ready


def holds_pictures(folder: Path) -> bool:
    """Tell whether there is a picture in a folder or below it."""
    try:
        return bool(list_pictures([folder]))
    except DatasetError:
        return False


def split_present(
    table: PictureTable | None, listed: Sequence[Listed], bad: list[str] | None
) -> tuple[list[Listed], int]:
    """Tell new pictures from those that a gallery has, by the bytes of their files and their paths.

    Args:
        table: the gallery; None if there is none yet.
        listed: the pictures.
        bad: gets what is wrong with files that cannot be read; None raises it.

    Returns:
        The new ones, and the number of others.

    Raises:
        DatasetError: a file cannot be read.
    """
    if table is None:
        return list(listed), 0
    names: list[str] = []
    kept: list[Listed] = []
    for one in listed:
        try:
            names.append(row_name(hashlib.sha256(read_file(Path(one.path))).hexdigest(), one.path))
        except DatasetError as error:
            if bad is None:
                raise
            bad.append(str(error))
            continue
        kept.append(one)
    there = table.present(names)
    new = [one for one, name in zip(kept, names, strict=True) if name not in there]
    return new, len(kept) - len(new)


def embed_pictures(model: PictureModel, listed: Sequence[Listed], bad: list[str] | None) -> Iterator[Embeddings]:
    """Embed pictures, chunk by chunk.

    Args:
        model: of the gallery.
        listed: the pictures.
        bad: gets what is wrong with files that are no pictures; None raises it.

    Raises:
        DatasetError: a file is no picture.
    """
    if not listed:
        return iter(())

    def on_bad(_: str, error: DatasetError) -> None:
        if bad is not None:
            bad.append(str(error))

    return embed_chunks(model, listed, skip_bad=bad is not None, on_bad=on_bad, chunk=_CHUNK)


def find_changes(table: PictureTable, folders: Sequence[Path], listed: Sequence[Listed]) -> list[str]:
    """Find rows of pictures below some folders that are not listed any more, or whose files have another size or age.

    Args:
        table: the gallery.
        folders: where it follows pictures, and where it did before that folder was moved.
        listed: what is there now.
    """
    files = {one.path for one in listed}
    return [
        row[ROW]
        for row in table.read([ROW, "path", "bytes", "modified"]).to_pylist()
        if any(Path(row["path"]).is_relative_to(folder) for folder in folders)
        and (row["path"] not in files or (row["bytes"], row["modified"]) != file_state(row["path"]))
    ]


def require_model(gallery: str, expected: ModelIdentity, found: ModelIdentity, source: str) -> None:
    """Check that embeddings are comparable with those of a gallery.

    Raises:
        GalleryError: they are of another model, or have another width.
    """
    if (expected.fingerprint, expected.width) != (found.fingerprint, found.width):
        command = shell_words("mvd", "gallery", "add", gallery, "--model", source, "--embed-again")
        raise GalleryError(
            f"{gallery}: expected embeddings of its model, {expected}, found those of {found}; use the first, or embed "
            f"the gallery again with the second: {command}"
        )


def embed_again(table: PictureTable, model: PictureModel, settings: Settings, progress: Progress | None) -> None:
    """Exchange every embedding of a gallery for those of another model, in one transaction.

    What is known of a picture stays. Pictures are read from where they were added from.

    Args:
        table: the gallery, whose lock is held.
        model: the other model.
        settings: the gallery's, with it.
        progress: called with (pictures done, pictures in all).

    Raises:
        GalleryError: pictures are gone or have changed; nothing was changed.
    """
    rows = table.read([ROW, "path", "hash", "modality"]).to_pylist()
    lost = [row for row in rows if not _is_there(row["path"], row["hash"])]
    if lost:
        raise GalleryError(
            f"{table.place}: expected the pictures of all {len(rows):,} rows, found {len(lost):,} gone or changed, "
            f"such as {lost[0]['path']}; bring them back, or remove their rows first: mvd gallery remove"
        )
    problems: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from _embedded_again(table, model, settings, progress, len(rows))
        except Exception as error:  # which LanceDB would hide in one of its own
            problems.append(error)
            raise

    try:
        table.replace_all(settings, batches())
    except GalleryError:
        if problems:
            raise problems[0] from None
        raise


def _embedded_again(
    table: PictureTable, model: PictureModel, settings: Settings, progress: Progress | None, total: int
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = schema_of(settings)
    columns = [name for name in schema.names if name != VECTOR]
    done = 0
    for batch in table.batches(columns):
        listed = [
            Listed(path, Modality(modality), "column")
            for path, modality in zip(
                batch.column("path").to_pylist(), batch.column("modality").to_pylist(), strict=True
            )
        ]
        vectors = np.concatenate([chunk.vectors for chunk in embed_pictures(model, listed, None)])
        arrays = {name: batch.column(name) for name in columns}
        arrays[VECTOR] = pa.FixedSizeListArray.from_arrays(
            pa.array(vectors.reshape(-1), pa.float32()), settings.model.width
        )
        yield pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
        done += batch.num_rows
        if progress is not None:
            progress(done, total)


def _is_there(path: str, content: str) -> bool:
    try:
        return hashlib.sha256(read_file(Path(path))).hexdigest() == content
    except DatasetError:
        return False
