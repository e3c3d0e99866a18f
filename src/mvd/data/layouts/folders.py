"""List folders of pictures by exact name, and scan the camera folders of SYSU-MM01 and LLCM.

Data sets have tens of thousands of files, possibly on slow disks, so each folder is listed once, without a system call
per file. Names are case-sensitive, even on file systems that ignore case. Hidden files, such as macOS's `._x.jpg`, are
skipped. Names of pictures and people must be UTF-8, the encoding of tables, runs and lists.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mvd.data.layouts.defects import OnDefect, raise_defect
from mvd.data.samples import Modality, Row
from mvd.errors import DatasetError, some
from mvd.files.names import escaped, is_utf8
from mvd.files.regular import is_folder, is_there

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
"""Suffixes of the benchmarks' pictures."""


class CameraFolder(NamedTuple):
    """A folder of pictures of one camera in one modality, with a folder `PPPP` for each person."""

    path: str
    camera: int
    modality: Modality


def require_folder(root: Path, layout: str) -> None:
    """Check that the data set's folder exists.

    Raises:
        DatasetError: the folder does not exist.
    """
    if not is_folder(root):
        raise DatasetError(
            f"{root}: expected a folder with {layout}, found {_instead(root)}; check the path to the data"
        )


def picture_names(
    folder: Path, on_defect: OnDefect = raise_defect, suffixes: frozenset[str] = PICTURE_SUFFIXES
) -> list[str]:
    """List the names of the pictures in a folder, sorted; empty if the folder is missing."""
    names = [name for name in file_names(folder, on_defect) if is_picture(name, suffixes)]
    return require_utf8(folder, names, on_defect)


def picture_paths(
    folder: Path, on_defect: OnDefect = raise_defect, suffixes: frozenset[str] = PICTURE_SUFFIXES
) -> list[str]:
    """List the pictures in and below a folder, as sorted paths relative to it.

    Links to folders are followed, except links to a folder that contains them.
    """
    paths: list[str] = []
    below = [("", frozenset[tuple[int, int]]())]
    while below:
        path, above = below.pop()
        here = folder / path
        names, folders = [], []
        for entry in _entries(here, on_defect):
            if _is_folder(entry):
                folders.append(entry.name)
            elif is_picture(entry.name, suffixes):
                names.append(entry.name)
        paths += [path + name for name in require_utf8(here, names, on_defect)]
        if folders:
            above |= {_number(here)}
            below += [
                (f"{path}{name}/", above)
                for name in require_utf8(here, folders, on_defect)
                if _number(here / name) not in above
            ]
    return sorted(paths)


def is_picture(name: str, suffixes: frozenset[str]) -> bool:
    """Return whether a file is a picture, by its suffix."""
    # On a string: a Path for each file would take longer than everything else.
    return posixpath.splitext(name)[1].lower() in suffixes


def require_utf8(folder: Path, names: Sequence[str], on_defect: OnDefect) -> list[str]:
    """Return the names in a folder that are UTF-8; report the others as one defect, with invalid bytes escaped."""
    bad = [escaped(name) for name in names if not is_utf8(name)]
    if bad:
        on_defect(f"{folder}: expected names in UTF-8, found {some(sorted(bad))}; rename {'them' if bad[1:] else 'it'}")
    return [name for name in names if is_utf8(name)] if bad else list(names)


def file_names(folder: Path, on_defect: OnDefect = raise_defect) -> list[str]:
    """List the names of the files in a folder, sorted; empty if the folder is missing.

    Dangling links are included: opening them will report the defect.
    """
    return sorted(entry.name for entry in _entries(folder, on_defect) if not _is_folder(entry))


def folder_names(folder: Path, on_defect: OnDefect = raise_defect) -> list[str]:
    """List the names of the subfolders of a folder, sorted; empty if the folder is missing."""
    return sorted(entry.name for entry in _entries(folder, on_defect) if _is_folder(entry))


def missing_files(root: Path, paths: Iterable[str], on_defect: OnDefect = raise_defect) -> set[str]:
    """Return the paths, relative to the root or absolute, without a file."""

    @cache
    def names(folder: str) -> frozenset[str]:
        return frozenset(file_names(root / folder, on_defect))

    splits = ((path, *posixpath.split(path)) for path in paths)
    return {path for path, folder, name in splits if name not in names(folder)}


def require_cameras(root: Path, cameras: Sequence[CameraFolder], layout: str, on_defect: OnDefect) -> None:
    """Check that every camera's folder exists and contains pictures."""
    for camera in cameras:
        folder = root / camera.path
        if not is_folder(folder):
            on_defect(
                f"{folder}: expected a camera folder ({layout}), found {_instead(folder)}; check the path to the "
                f"data or unpack this camera"
            )
        elif not any(picture_names(folder / person, on_defect) for person in folder_names(folder, on_defect)):
            on_defect(f"{folder}: expected pictures such as 0001/0001.jpg, found none; unpack this camera again")


def camera_rows(
    root: Path, cameras: Sequence[CameraFolder], identities: Iterable[int], on_defect: OnDefect
) -> Iterator[Row]:
    """Yield the pictures of some identities; a camera may have no folder for an identity."""
    for identity in identities:
        for camera in cameras:
            folder = f"{camera.path}/{identity:04d}"
            for name in picture_names(root / folder, on_defect):
                yield Row(f"{folder}/{name}", identity, camera.camera, camera.modality)


def _instead(folder: Path) -> str:
    """Describe what exists in place of a missing folder."""
    return "a file" if is_there(folder) else "none"


def _entries(folder: Path, on_defect: OnDefect) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a path from a list contains a null byte
        return []
    except OSError as error:
        on_defect(f"{folder}: expected a folder that can be read, could not ({error.strerror}); allow reading it")
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a cyclic link
        return False


def _number(folder: Path) -> tuple[int, int]:
    """Return device and inode of a folder, which identify it even through links."""
    try:
        status = folder.stat()
    except OSError:  # listing the folder will report the error
        return -1, -1
    return status.st_dev, status.st_ino
