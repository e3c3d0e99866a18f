"""Pictures for a gallery: list them, find the new ones, embed them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mvd.commands.pictures.embed import embed_chunks
from mvd.data.images import read_file
from mvd.data.own.listing import Listed, list_pictures, pictures_below
from mvd.data.progress import Progress
from mvd.data.samples import Modality
from mvd.errors import DatasetError, GalleryError, MvdError, counted
from mvd.files.names import shell_words
from mvd.files.regular import real_path
from mvd.gallery.columns import ROW, VECTOR, Settings, file_state, row_name, schema_of
from mvd.gallery.place import Place
from mvd.gallery.table import PictureTable
from mvd.inference import PictureModel
from mvd.inference.models import RENDERED, box_model
from mvd.results.embeddings import Embeddings, ModelIdentity, read_embeddings

if TYPE_CHECKING:
    import pyarrow as pa

Source: TypeAlias = str | Path | Embeddings

FOLDER = ".mvd-gallery"
"""Name of the gallery's subfolder in a folder of pictures."""

_LIMITS = "## What it is not good for"  # heading in the model card
_FILES = (".parquet", ".npz")
_CHUNK = 256  # pictures per transaction


def describe_box() -> str:
    """Describe the model in the box for a note: its training data and limits, from its model card."""
    taken = f"no model was given: using {RENDERED}, the model in the box."
    try:
        card = box_model().with_suffix(".md").read_text(encoding="utf-8")
    except (MvdError, OSError):
        return f"{taken} It was trained on rendered people only, never on photographs; see docs/responsible-use.md."
    training, _, rest = card.partition(_LIMITS)
    limits = rest.partition("\n## ")[0]
    trained = [one for one in _bullets(training) if one.startswith("Trained on")]
    return " ".join([taken, *trained, "What it is not good for:", *_bullets(limits)])


def _bullets(text: str) -> list[str]:
    r"""Extract the items of a Markdown list, each as one line.

    >>> _bullets("# A list\n\n- one\n  item\n- another\n")
    ['one item', 'another']
    """
    return [" ".join(item.split()) for item in re.findall(r"^- (.*(?:\n  .*)*)", text, re.M)]


def list_sources(sources: Sequence[Source]) -> tuple[list[str | Path], list[Embeddings]]:
    """Separate pictures from embeddings, and read files of embeddings."""
    paths: list[str | Path] = []
    ready: list[Embeddings] = []
    for one in sources:
        if isinstance(one, Embeddings):
            ready.append(one)
        elif not isinstance(one, str | os.PathLike):
            raise DatasetError(
                f"expected files, folders, patterns, CSV tables or embeddings, found {type(one).__name__}; save "
                f"pictures to files, or search with PIL images"
            )
        elif Path(one).suffix.lower() in _FILES:
            ready.append(read_embeddings(one))
        else:
            paths.append(one)
    return paths, ready


def find_gallery(address: str | Path) -> tuple[Place, Path | None]:
    """Find a gallery, or the place of a new one.

    Args:
        address: a folder or URL of a gallery, or a folder of pictures.

    Returns:
        The gallery, of a folder of pictures the one in it if it has one; and that folder of pictures, or None.

    Raises:
        GalleryError: the address is neither a path in UTF-8 nor a URL of a supported scheme.
    """
    given = Place.of(address)
    if given.folder is None or given.exists:
        return given, None
    inside = Place.of(given.folder / FOLDER)
    return inside if inside.exists else given, given.folder


def list_followed(folder: Path) -> list[Listed]:
    """List the pictures in a folder and below it, by their real paths; none is a list, too.

    Raises:
        DatasetError: the folder, or one below it, cannot be read, or a path is not UTF-8.
    """
    listed = list_pictures([folder]) if pictures_below(folder) else []
    return [one._replace(path=str(real_path(one.path))) for one in listed]


def split_present(
    table: PictureTable | None, listed: Sequence[Listed], bad: list[str] | None
) -> tuple[list[Listed], int]:
    """Find the pictures that a gallery does not have yet, by content and path.

    Args:
        table: the gallery; None if it does not exist yet.
        listed: the pictures.
        bad: list to which errors of unreadable files are appended; None raises them.

    Returns:
        The new pictures, and the number of the others.

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
        model: the gallery's model.
        listed: the pictures.
        bad: list to which errors of files that are not pictures are appended; None raises them.

    Raises:
        DatasetError: a file is not a picture.
    """
    if not listed:
        return iter(())

    def on_bad(_: str, error: DatasetError) -> None:
        if bad is not None:
            bad.append(str(error))

    return embed_chunks(model, listed, skip_bad=bad is not None, on_bad=on_bad, chunk=_CHUNK)


def find_changes(table: PictureTable, folders: Sequence[Path], listed: Sequence[Listed]) -> list[str]:
    """Find rows whose pictures, below the given folders, were deleted or changed in size or modification time.

    Args:
        table: the gallery.
        folders: the followed folder, and its previous path if it was moved.
        listed: the current pictures.
    """
    files = {one.path for one in listed}
    return [
        row[ROW]
        for row in table.read([ROW, "path", "bytes", "modified"]).to_pylist()
        if any(Path(row["path"]).is_relative_to(folder) for folder in folders)
        and (row["path"] not in files or (row["bytes"], row["modified"]) != file_state(row["path"]))
    ]


def is_model(expected: ModelIdentity, found: ModelIdentity) -> bool:
    """Return whether two identities are of one model, whatever its name."""
    return (expected.fingerprint, expected.width) == (found.fingerprint, found.width)


def require_model(gallery: str, expected: ModelIdentity, found: ModelIdentity, source: str) -> None:
    """Check that embeddings are from the same model as those of a gallery.

    Raises:
        GalleryError: they are of another model, or have another width.
    """
    if not is_model(expected, found):
        command = shell_words("mvd", "gallery", "add", gallery, "--model", source, "--embed-again")
        raise GalleryError(
            f"{gallery}: expected embeddings of its model, {expected}, found those of {found}; use the first, or embed "
            f"the gallery again with the second: {command}"
        )


def embed_again(table: PictureTable, model: PictureModel, settings: Settings, progress: Progress | None) -> None:
    """Replace all embeddings of a gallery by those of another model, in one transaction.

    All other columns stay. Pictures are read again from their original paths.

    Args:
        table: the gallery; the caller holds its lock.
        model: the new model.
        settings: the gallery's settings with the new model.
        progress: called with (pictures done, pictures in total).

    Raises:
        GalleryError: pictures were deleted or changed; the gallery is unchanged.
    """
    rows = table.read([ROW, "path", "hash", "modality"]).to_pylist()
    lost = [row for row in rows if not _is_there(row["path"], row["hash"])]
    if lost:
        raise GalleryError(
            f"{table.place}: expected the pictures of all {counted(len(rows), 'row')}, found {len(lost):,} gone or "
            f"changed, such as {lost[0]['path']}; bring them back, or remove their rows first: mvd gallery remove"
        )
    problems: list[Exception] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from _embedded_again(table, model, settings, progress, len(rows))
        except Exception as error:  # LanceDB would wrap it in an error of its own
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
