"""List pictures: files, folders with their subfolders, glob patterns, and CSV tables.

A table has a column path, relative to its folder or absolute, and any of modality, camera, time, identity and tags, in
any order; other columns are ignored. Empty fields are unknown. Times are ISO 8601, in UTC if they have no time zone;
tags are separated by semicolons.

    path,modality,camera,time,tags
    night/0001.jpg,infrared,gate,2024-03-01T23:10:05+01:00,coat;bag
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from mvd.data.layouts.folders import is_picture
from mvd.data.layouts.own_folder import SUFFIXES
from mvd.data.layouts.own_table import MODALITIES, read_table
from mvd.data.samples import Modality
from mvd.errors import DatasetError, counted, some
from mvd.files.names import escaped, is_utf8
from mvd.files.regular import is_folder, is_there

UNKNOWN_TIME = np.datetime64("NaT", "us")

_WORDS = re.compile(r"[^\W_]+")
_PATTERN = re.compile(r"[*?\[]")


class Listed(NamedTuple):
    """A listed picture, with the metadata that are known without opening it.

    Attributes:
        path: the file, as given.
        modality: the modality; None if it is not known from caller, table or folder.
        source: source of the modality: "flag", "column" or "folder"; empty if unknown.
        camera: name of the camera; None if unknown.
        time: datetime64[us], UTC; NaT if unknown.
        identity: name of the person; None if unknown.
        tags: the user's tags.
    """

    path: str
    modality: Modality | None = None
    source: Literal["flag", "column", "folder", ""] = ""
    camera: str | None = None
    time: np.datetime64 = UNKNOWN_TIME
    identity: str | None = None
    tags: tuple[str, ...] = ()


def list_pictures(sources: Iterable[str | Path], modality: Modality | None = None) -> list[Listed]:
    """List pictures, each once, in the order given; the pictures of a folder are sorted by name.

    Args:
        sources: files, folders, glob patterns and CSV tables.
        modality: modality of all pictures; None takes it from the table, or from a folder whose name contains one of
            the words visible, vis, rgb, infrared, ir, nir and thermal.

    Raises:
        DatasetError: a source is missing or has no picture, a path is not UTF-8, or a table cannot be read.

    >>> [one.modality.name for one in map(tell_by_folder, [Listed("night_ir/a.jpg"), Listed("RGB/anna/a.jpg")])]
    ['INFRARED', 'VISIBLE']
    """
    found: dict[str, Listed] = {}
    for source in sources:
        for one in _expand(os.fspath(source)):
            found.setdefault(os.path.normpath(one.path), one)
    if not found:
        raise DatasetError("expected pictures, found none given; name files, folders, patterns or a CSV table")
    bad = [escaped(path) for path in found if not is_utf8(path)]
    if bad:
        raise DatasetError(f"expected paths in UTF-8, found {some(bad)}; rename {'them' if bad[1:] else 'it'}")
    if modality is not None:
        return [one._replace(modality=modality, source="flag") for one in found.values()]
    return [one if one.modality is not None else tell_by_folder(one) for one in found.values()]


def tell_by_folder(picture: Listed) -> Listed:
    """Infer the modality from the names of the folders, innermost first; keep it unless a name has exactly one."""
    for name in reversed(Path(picture.path).parent.parts):
        told = {MODALITIES[word] for word in _WORDS.findall(name.lower()) if word in MODALITIES}
        if len(told) == 1:
            return picture._replace(modality=told.pop(), source="folder")
    return picture


def _expand(source: str) -> Iterator[Listed]:
    path = Path(source)
    if is_folder(path):
        below = pictures_below(path)
        if not below:
            raise DatasetError(
                f"{path}: expected pictures in it or below it (.jpg, .png, .tif, …), found none; check the path"
            )
        yield from map(Listed, below)
    elif path.suffix.lower() == ".csv" and is_there(path):
        yield from _read_rows(path)
    elif os.path.lexists(path):
        yield Listed(source)
    elif _PATTERN.search(source):
        # The pattern may match folders and also their pictures; duplicates are removed later.
        fitting = [
            file
            for match in sorted(glob.glob(source, recursive=True))  # noqa: PTH207 (Path.glob knows no absolute pattern)
            for file in (pictures_below(Path(match)) if Path(match).is_dir() else [match])
            if is_picture(file, SUFFIXES)
        ]
        if not fitting:
            raise DatasetError(f"{source}: expected a pattern that fits pictures, found none that fit; check the path")
        yield from map(Listed, fitting)
    else:
        raise DatasetError(f"{source}: expected a file, a folder, a pattern or a CSV table, found none; check the path")


def pictures_below(folder: Path) -> list[str]:
    """List the pictures in and below a folder, by suffix; hidden files and folders are skipped.

    Raises:
        DatasetError: the folder, or one below it, cannot be read.
    """

    def closed(error: OSError) -> None:
        raise DatasetError(
            f"{error.filename}: expected a folder that can be read, could not ({error.strerror}); allow reading it"
        ) from error

    found = []
    for parent, folders, names in os.walk(folder, onerror=closed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(parent, name)  # noqa: PTH118 (a Path for each would take longer than all the rest)
            for name in sorted(names)
            if not name.startswith(".") and is_picture(name, SUFFIXES)
        ]
    return found


def _read_rows(file: Path) -> Iterator[Listed]:
    table = read_table(file, required=("path",))
    if not table.rows:
        raise DatasetError(f"{file}: expected a row for each picture, found none below the header; add them")
    for line, fields in table.rows:
        try:
            yield _read_row(file.parent, table.columns, fields)
        except ValueError as error:
            raise DatasetError(f"{file}:{line}: {error}; correct the row") from error


def _read_row(folder: Path, columns: Sequence[str], fields: Sequence[str]) -> Listed:
    """Parse a row; a ValueError describes its defect."""
    if len(fields) != len(columns):
        raise ValueError(f"expected {counted(len(columns), 'field')}, as in the header, found {len(fields)}")
    row: Mapping[str, str] = {name: field.strip() for name, field in zip(columns, fields, strict=True)}
    if not row["path"]:
        raise ValueError("expected a path, found none")
    spectrum = row.get("modality", "").lower()
    if spectrum and spectrum not in MODALITIES:
        raise ValueError(f"expected a modality ({', '.join(MODALITIES)}) or none, found {spectrum[:40]!r}")
    return Listed(
        path=str(folder / row["path"]),
        modality=MODALITIES.get(spectrum),
        source="column" if spectrum else "",
        camera=row.get("camera") or None,
        time=read_time(row["time"]) if row.get("time") else UNKNOWN_TIME,
        identity=row.get("identity") or None,
        tags=tuple(filter(None, (tag.strip() for tag in row.get("tags", "").split(";")))),
    )


def read_time(text: str) -> np.datetime64:
    """Parse a time in ISO 8601 as datetime64[us], UTC; a time without a zone is interpreted as UTC.

    Raises:
        ValueError: the text is not a time.

    >>> read_time("2024-03-01T23:10:05+01:00").item().isoformat()
    '2024-03-01T22:10:05'
    """
    try:
        # Python 3.10 does not parse the Z.
        time = datetime.fromisoformat(text.strip().removesuffix("Z") + ("+00:00" if text.strip().endswith("Z") else ""))
    except ValueError as error:
        raise ValueError(f"expected a time such as 2024-03-01T23:10:05, found {text[:40]!r}") from error
    if time.tzinfo is not None:
        time = time.astimezone(timezone.utc).replace(tzinfo=None)
    return np.datetime64(time, "us")
