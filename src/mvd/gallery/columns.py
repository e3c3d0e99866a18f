"""The schema of a gallery's table, and the gallery's settings, which are stored in the table's metadata.

Times are microseconds since 1970, UTC. The identifier of a row is a hash of the picture's bytes and its path, so the
same picture at the same path always gets the same row.

Shapes: N rows, D width of an embedding.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mvd.errors import GalleryError
from mvd.results.embeddings import Embeddings, ModelIdentity

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
"""Version of the table format; tables of other versions are refused."""

ROW, VECTOR, THUMBNAIL = "row", "vector", "thumbnail"
ABOUT = ("row", "path", "hash", "modality", "modality_source", "camera", "time", "identity", "tags", "added")
"""Columns that describe a picture: all except its embedding, its thumbnail, and the size and age of its file."""

_KEY = "mvd"  # key of the settings in the metadata of the column `row`
_PRIMARY_KEY = "lance-schema:unenforced-primary-key"  # LanceDB detects concurrent inserts of the same row


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a gallery.

    Attributes:
        model: identity of the model that computed the embeddings.
        source: file, run folder or name from which the model can be loaded again.
        keep_days: retention in days after a row was added; None for no limit.
        salt: salt of the hashes of conditions in the log, so that removed names cannot be found by guessing.
        folder: the folder of pictures that the gallery follows; None if it follows none.
        format: version of the table format.
        cleaning: whether a removal is unfinished: some of its files are not deleted yet.
    """

    model: ModelIdentity
    source: str
    keep_days: float | None = None
    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    folder: str | None = None
    format: int = FORMAT
    cleaning: bool = False

    def to_json(self) -> str:
        """Serialise the settings to JSON."""
        return json.dumps(asdict(self))


def settings_of(schema: pa.Schema, place: str) -> Settings:
    """Read the settings of a table.

    Raises:
        GalleryError: the table is not a gallery, or has another format version.
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
    """Build the schema of a gallery's table, with the settings in its metadata."""
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
    """Build LanceDB's update record for the settings."""
    return {"path": ROW, "metadata": {_KEY: settings.to_json()}}


def row_name(content: str, path: str) -> str:
    """Compute the identifier of a row from the hash of the picture's bytes and its path.

    >>> row_name("0" * 64, "a.jpg")
    'c880daf0b27510e8'
    """
    return hashlib.blake2b(f"{content}\0{path}".encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def to_rows(rows: Embeddings, thumbnails: Sequence[bytes], schema: pa.Schema) -> pa.Table:
    """Convert embeddings to table rows, without duplicates.

    Args:
        rows: N embeddings.
        thumbnails: N small JPEG files; empty for pictures that cannot be read.
        schema: schema of the gallery.
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
    """Return the current time in microseconds since 1970."""
    return time.time_ns() // 1000


def moment(stamp: int) -> datetime:
    """Convert microseconds since 1970, as the table has times, to a time in UTC."""
    return datetime.fromtimestamp(stamp / 1e6, timezone.utc)


def file_state(path: str) -> tuple[int | None, int | None]:
    """Return a file's size in bytes and modification time in nanoseconds; None, None if it does not exist."""
    try:
        state = Path(path).stat()
    except OSError:
        return None, None
    return state.st_size, state.st_mtime_ns


def _column(values: Any, kind: pa.DataType) -> Any:
    import pyarrow as pa

    return values if isinstance(values, pa.Array) else pa.array(values, kind)
