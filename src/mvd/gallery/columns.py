"""What a gallery keeps of each picture, and its settings, which travel with the table.

Times are microseconds since 1970, UTC. A row's name is a hash of the picture's bytes and its path, so that the same
picture in the same place is the same row, whoever adds it.

Shapes: N rows, D width of an embedding.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mvd.errors import GalleryError
from mvd.results.embeddings import Embeddings, ModelIdentity

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
"""Of the table; another one is refused."""

ROW, VECTOR, THUMBNAIL = "row", "vector", "thumbnail"
ABOUT = ("row", "path", "hash", "modality", "modality_source", "camera", "time", "identity", "tags", "added")
"""Columns that describe a picture, all but its embedding, its thumbnail and its file's size and age."""

_KEY = "mvd"  # of the settings, in the metadata of the column `row`
_PRIMARY_KEY = "lance-schema:unenforced-primary-key"  # two processes that add one row at once are told


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a gallery.

    Attributes:
        model: the model of its embeddings.
        source: what opens that model again: a file, a run, a name.
        keep_days: days after which a row is removed, counted from when it was added; None for ever.
        salt: what conditions are hashed with in the log, so that a removed name cannot be guessed from it by trying.
        folder: for a gallery that follows a folder of pictures, that folder; else None.
        format: of the table.
        cleaning: whether a removal has not deleted all of its files yet.
    """

    model: ModelIdentity
    source: str
    keep_days: float | None = None
    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    folder: str | None = None
    format: int = FORMAT
    cleaning: bool = False

    def to_json(self) -> str:
        """Write the settings as JSON."""
        return json.dumps(asdict(self))


def settings_of(schema: pa.Schema, place: str) -> Settings:
    """Read the settings of a table.

    Raises:
        GalleryError: it is no gallery, or one of another format.
    """
    known = schema.field(ROW).metadata if ROW in schema.names else None
    try:
        record: dict[str, Any] = json.loads((known or {})[_KEY.encode()])
        found = record["format"]
    except (KeyError, ValueError, TypeError) as error:
        raise GalleryError(
            f"{place}: expected a gallery that mvd made, found another table; choose another place"
        ) from error
    if found != FORMAT:
        older = isinstance(found, int) and found < FORMAT
        remedy = "add the pictures to a new gallery" if older else "upgrade mvd: pip install --upgrade mvd"
        raise GalleryError(
            f"{place}: expected a gallery of format {FORMAT}, found the {'older' if older else 'newer'} format "
            f"{found}; nothing was changed; {remedy}"
        )
    try:
        model = record.pop("model")
        height, width = model.pop("size")
        return Settings(model=ModelIdentity(**model, size=(height, width)), **record)
    except (KeyError, ValueError, TypeError) as error:
        raise GalleryError(f"{place}: expected the settings of a gallery, found damaged ones ({error})") from error


def schema_of(settings: Settings) -> pa.Schema:
    """Make the schema of a gallery, settings included."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            pa.field(ROW, text, nullable=False, metadata={_PRIMARY_KEY: "true", _KEY: settings.to_json()}),
            pa.field("path", text, nullable=False),
            pa.field("hash", text, nullable=False),
            pa.field("modality", number, nullable=False),
            pa.field("modality_source", text),
            pa.field("modality_confidence", pa.float32()),
            pa.field("camera", text),
            pa.field("time", number),
            pa.field("identity", text),
            pa.field("tags", pa.list_(text)),
            pa.field("added", number, nullable=False),
            pa.field("bytes", number),
            pa.field("modified", number),
            pa.field(THUMBNAIL, pa.binary()),
            pa.field(VECTOR, pa.list_(pa.float32(), settings.model.width)),
        ]
    )


def settings_update(settings: Settings) -> dict[str, Any]:
    """Make the update of the settings that LanceDB takes."""
    return {"path": ROW, "metadata": {_KEY: settings.to_json()}}


def row_name(content: str, path: str) -> str:
    """Name the row of a picture, by the hash of its bytes and its path.

    >>> row_name("0" * 64, "a.jpg")
    'c880daf0b27510e8'
    """
    return hashlib.blake2b(f"{content}\0{path}".encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def to_rows(rows: Embeddings, thumbnails: Sequence[bytes], schema: pa.Schema) -> pa.Table:
    """Make a table of rows, each once, to be added.

    Args:
        rows: N embeddings.
        thumbnails: N small JPEG files; empty where the picture cannot be read.
        schema: of the gallery.
    """
    import pyarrow as pa

    known = np.isnat(rows.times)
    times = rows.times.astype("datetime64[us]").astype(np.int64)
    sizes, ages = zip(*map(file_state, rows.paths), strict=True) if len(rows) else ((), ())
    columns = {
        ROW: [row_name(content, path) for content, path in zip(rows.hashes, rows.paths, strict=True)],
        "path": rows.paths,
        "hash": rows.hashes,
        "modality": rows.modalities,
        "modality_source": rows.modality_sources,
        "modality_confidence": rows.modality_confidences,
        "camera": rows.cameras,
        "time": pa.array(times, pa.int64(), mask=known),
        "identity": rows.identities,
        "tags": [list(tags) for tags in rows.tags],
        "added": np.full(len(rows), microseconds()),
        "bytes": sizes,
        "modified": ages,
        THUMBNAIL: thumbnails,
        VECTOR: pa.FixedSizeListArray.from_arrays(
            pa.array(np.ascontiguousarray(rows.vectors, dtype=np.float32).reshape(-1)), rows.model.width
        ),
    }
    table = pa.table({name: _column(columns[name], schema.field(name).type) for name in schema.names}, schema=schema)
    names = table.column(ROW).to_pylist()
    first = sorted({name: at for at, name in reversed(list(enumerate(names)))}.values())
    return table if len(first) == len(names) else table.take(first)


def microseconds() -> int:
    """The present, in microseconds since 1970."""
    return time.time_ns() // 1000


def file_state(path: str) -> tuple[int | None, int | None]:
    """Return the size of a file in bytes and when it was changed, in nanoseconds; None where there is none."""
    try:
        state = Path(path).stat()
    except OSError:
        return None, None
    return state.st_size, state.st_mtime_ns


def _column(values: Any, kind: pa.DataType) -> Any:
    import pyarrow as pa

    return values if isinstance(values, pa.Array) else pa.array(values, kind)
