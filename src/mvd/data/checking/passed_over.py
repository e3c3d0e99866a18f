"""Count and name the files that a scan ignores in a data set's folders, so that nothing is dropped silently."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mvd.data.layouts.folders import PICTURE_SUFFIXES, file_names, folder_names, is_picture
from mvd.data.layouts.own_folder import SUFFIXES
from mvd.data.samples import Dataset
from mvd.errors import some
from mvd.files.names import escaped, is_utf8

_PREPARED = re.compile(r"trial-[0-9]+")  # of RegDB's splits


def passed_over(dataset: Dataset) -> list[str]:
    """Count files and folders that are in no table of a data set, one line for each kind, with an example.

    For a folder, these are the entries beside and within the folders of pictures, except files beside them that are not
    pictures. For a table of own pictures, these are unlisted pictures in the folders of listed ones.
    """
    tables = (dataset.train, dataset.validation, dataset.test)
    taken = {path for table in tables for path in table.paths.tolist()}
    if dataset.table is not None:
        return _unlisted(dataset, taken)
    lists = dataset.people_lists.rpartition("/")[0]
    parts = {path.partition("/")[0] for path in taken if "/" in path}
    others = [name for name in folder_names(dataset.root, _ignore) if name not in {*parts, lists}]
    others = [escaped(name) for name in others if not _PREPARED.fullmatch(name)]
    notes = [f"folders beside those of the pictures, passed over: {len(others):,} ({some(others)})"] if others else []
    kinds: dict[str, list[str]] = {}
    loose = [name for name in file_names(dataset.root, _ignore) if is_picture(name, SUFFIXES)]
    for path in (*loose, *(path for part in sorted(parts) for path in _files(dataset, part))):
        if path not in taken and is_utf8(path):  # other names are defects
            kinds.setdefault(_kind(dataset, path), []).append(path)
    return notes + [
        f"{kind}, passed over: {len(paths):,}, such as {min(paths)}" for kind, paths in sorted(kinds.items())
    ]


def _kind(dataset: Dataset, path: str) -> str:
    if path.startswith(".") or "/." in path:
        return "hidden files"
    if not is_picture(path, SUFFIXES):
        return "files without the ending of a picture"
    if dataset.name != "own" and not is_picture(path, PICTURE_SUFFIXES):
        return "pictures in a format that this layout does not have"
    return "pictures on no list or in no folder of this layout"


def _files(dataset: Dataset, part: str) -> Iterator[str]:
    """Yield the files below a folder as paths relative to the root; linked folders are not followed."""
    top = dataset.root / part
    for folder, _, names in os.walk(top):
        below = os.path.relpath(folder, top).replace(os.sep, "/")
        yield from (f"{part}/{name}" if below == "." else f"{part}/{below}/{name}" for name in names)


def _unlisted(dataset: Dataset, taken: set[str]) -> list[str]:
    """Count the unlisted pictures in the folders of the pictures that a table lists."""
    listed = {posixpath.normpath((dataset.root / path).as_posix()) for path in taken}
    folders = sorted({posixpath.dirname(path) for path in listed})
    found = (f"{folder}/{name}" for folder in folders for name in file_names(Path(folder), _ignore))
    others = [file for file in found if file not in listed and is_picture(file, SUFFIXES)]
    if not others:
        return []
    return [f"pictures beside those in the table, passed over: {len(others):,}, such as {escaped(others[0])}"]


def _ignore(defect: str) -> None:
    """Ignore a folder that cannot be read, which the scan has reported."""
