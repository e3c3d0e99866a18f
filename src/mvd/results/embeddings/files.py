"""Write and read files of embeddings.

The suffix determines the format: Parquet (`.parquet`, by pyarrow) or NumPy's archive (`.npz`). The metadata describe
the model.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mvd.data.samples import Modality
from mvd.errors import ConfigError, DatasetError
from mvd.files.atomic import replacing, writing
from mvd.files.regular import require_regular
from mvd.inference.identity import ModelIdentity
from mvd.results.embeddings.rows import ARRAYS, Embeddings, concatenate, of_one_model

_VERSION = 1
_KEY = "mvd"  # key of the metadata
_TEXTS = ("paths", "hashes", "modality_sources", "cameras", "identities")


def write_embeddings(file: str | Path, embeddings: Embeddings | Iterable[Embeddings]) -> None:
    """Write embeddings atomically, as Parquet or NumPy's archive by the file's suffix.

    Args:
        file: the file; an existing file is replaced.
        embeddings: the embeddings, or an iterable of parts by one model. Parquet is written part by part, so that only
            one part is in memory.

    Raises:
        ConfigError: the suffix is unknown, or pyarrow is not installed.
        DatasetError: there are no parts, or their models differ.
        RunError: the file cannot be written; an existing file is unchanged.
    """
    file = Path(file)
    write = {".parquet": _write_parquet, ".npz": _write_npz}[embeddings_format(file)]
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            write(temporary, iter([embeddings] if isinstance(embeddings, Embeddings) else embeddings))


def read_embeddings(file: str | Path) -> Embeddings:
    """Read a file of `write_embeddings`.

    Raises:
        DatasetError: the file is missing, damaged, or not a file of embeddings.
        ConfigError: the suffix is unknown, or pyarrow is not installed.
    """
    file = Path(file)
    read = {".parquet": _read_parquet, ".npz": _read_npz}[embeddings_format(file)]
    try:
        require_regular(file)
        return read(file)
    except (ConfigError, DatasetError) as error:
        raise type(error)(f"{file}: {error}") from error
    except Exception as error:  # the readers' errors have no common base class
        reason = (isinstance(error, OSError) and error.strerror) or (str(error) or type(error).__name__).splitlines()[0]
        raise DatasetError(
            f"{file}: expected embeddings that mvd wrote, could not read them ({reason}); embed the pictures again"
        ) from error


def embeddings_format(file: Path) -> Literal[".parquet", ".npz"]:
    """Return the format of a file by its suffix.

    Raises:
        ConfigError: the suffix is unknown, or pyarrow is not installed.
    """
    match file.suffix.lower():
        case ".npz":
            return ".npz"
        case ".parquet":
            _pyarrow()
            return ".parquet"
    raise ConfigError(f"{file}: expected a name that ends in .parquet or .npz, found {file.suffix or 'no ending'}")


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            "expected the package pyarrow for Parquet, found none; install it: pip install 'mvd[search]', or write .npz"
        ) from error
    return pyarrow


def _write_parquet(file: Path, parts: Iterator[Embeddings]) -> None:
    pa = _pyarrow()
    first = next(parts, None)
    if first is None:
        raise DatasetError("expected embeddings to write, found none")
    table = _table(first).replace_schema_metadata({_KEY: _describe(first.model)})
    # Open the file here, as in reading: Arrow accepts only UTF-8 names.
    with file.open("wb") as handle, pa.parquet.ParquetWriter(handle, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        for part in of_one_model(first.model, parts):
            writer.write_table(_table(part))


def _table(rows: Embeddings) -> Any:
    """Build an Arrow table."""
    pa = _pyarrow()
    floats = pa.array(np.ascontiguousarray(rows.vectors).reshape(-1), pa.float32())
    columns = {
        "path": pa.array(rows.paths, pa.string()),
        "hash": pa.array(rows.hashes, pa.string()),
        "modality": pa.array([Modality(one).name.lower() for one in rows.modalities], pa.string()),
        "modality_source": pa.array(rows.modality_sources, pa.string()),
        "modality_confidence": pa.array(rows.modality_confidences, pa.float32()),
        "camera": pa.array(rows.cameras, pa.string()),
        "time": pa.array(rows.times, pa.timestamp("us", tz="UTC")),
        "identity": pa.array(rows.identities, pa.string()),
        "tags": pa.array([list(one) for one in rows.tags], pa.list_(pa.string())),
        "embedding": pa.FixedSizeListArray.from_arrays(floats, rows.model.width),
    }
    return pa.table(columns)


def _read_parquet(file: Path) -> Embeddings:
    pa = _pyarrow()
    with file.open("rb") as handle:
        table = pa.parquet.ParquetFile(handle).read()
    model = _model((table.schema.metadata or {}).get(_KEY.encode(), b"").decode())
    column = {name: table.column(name) for name in table.column_names}
    texts = {
        name: tuple(column[name].to_pylist()) for name in ("path", "hash", "modality_source", "camera", "identity")
    }
    return Embeddings(
        model=model,
        paths=texts["path"],
        hashes=texts["hash"],
        modalities=np.array([Modality[one.upper()] for one in column["modality"].to_pylist()], np.int64),
        modality_sources=texts["modality_source"],
        modality_confidences=column["modality_confidence"].to_numpy(),
        cameras=texts["camera"],
        times=column["time"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]"),
        identities=texts["identity"],
        tags=tuple(tuple(one) for one in column["tags"].to_pylist()),
        vectors=column["embedding"].combine_chunks().flatten().to_numpy().reshape(len(table), model.width),
    )


def _write_npz(file: Path, parts: Iterator[Embeddings]) -> None:
    rows = concatenate(list(parts))
    arrays: dict[str, Any] = {name: getattr(rows, name) for name in ARRAYS}
    # As JSON: NumPy pads all texts to the longest, and cannot store None.
    texts = {name: getattr(rows, name) for name in (*_TEXTS, "tags")}
    arrays["texts"] = np.frombuffer(json.dumps(texts).encode(), np.uint8)
    arrays[_KEY] = np.frombuffer(_describe(rows.model).encode(), np.uint8)
    with file.open("wb") as handle:
        np.savez(handle, **arrays)


def _read_npz(file: Path) -> Embeddings:
    with file.open("rb") as handle:
        if not zipfile.is_zipfile(handle):
            raise DatasetError("expected embeddings in NumPy's archive, found another file")
        handle.seek(0)
        with np.load(handle, allow_pickle=False) as archive:
            model = _model(archive[_KEY].tobytes().decode() if _KEY in archive else "")
            texts = json.loads(archive["texts"].tobytes())
            columns: dict[str, Any] = {name: archive[name] for name in ARRAYS}
            columns |= {name: tuple(texts[name]) for name in _TEXTS}
            return Embeddings(model=model, tags=tuple(tuple(one) for one in texts["tags"]), **columns)


def _describe(model: ModelIdentity) -> str:
    return json.dumps({"version": _VERSION, "model": asdict(model)})


def _model(text: str) -> ModelIdentity:
    """Parse the metadata of a file."""
    try:
        record: Mapping[str, Any] = json.loads(text)
        version, model = record["version"], record["model"]
        height, width = model["size"]
        identity = ModelIdentity(str(model["name"]), str(model["fingerprint"]), int(model["width"]), (height, width))
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError("expected embeddings that mvd wrote, found other data; embed the pictures again") from error
    if version != _VERSION:
        raise DatasetError(f"expected format {_VERSION}, found {version}; upgrade mvd, or embed the pictures again")
    return identity
