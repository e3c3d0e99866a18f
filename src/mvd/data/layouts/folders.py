"""List folders of pictures by exact name, and scan the camera folders of SYSU-MM01 and LLCM.

Data sets have tens of thousands of files, perhaps on slow disks, so each folder is read once and no file is looked up.
Names are matched to the letter, even on disks that ignore case. Hidden files, such as macOS's `._x.jpg`, are skipped.
Names of pictures and people must be UTF-8, since tables, runs and lists are written in it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mvd.data.layouts.defects import OnDefect, raise_defect, some
from mvd.data.samples import Modality, Row
from mvd.errors import DatasetError
from mvd.files.names import escaped, is_utf8
from mvd.files.regular import is_folder, is_there

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
"""Endings of the benchmarks' pictures."""


class CameraFolder(NamedTuple):
    """A folder of pictures of one camera in one modality, with a folder `PPPP` for each person."""

    path: str
    camera: int
    modality: Modality


def require_folder(root: Path, layout: str) -> None:
    """Check that the data set's folder exists.

    Raises:
        DatasetError: there is none.
    """
    if not is_folder(root):
        raise DatasetError(
            f"{root}: expected a folder with {layout}, found {_instead(root)}; check the path to the data"
        )


def picture_names(
    folder: Path, on_defect: OnDefect = raise_defect, suffixes: frozenset[str] = PICTURE_SUFFIXES
) -> list[str]:
    """List the pictures in a folder by name, sorted; a folder that is missing holds none."""
    names = [name for name in file_names(folder, on_defect) if is_picture(name, suffixes)]
    return require_utf8(folder, names, on_defect)


def picture_paths(
    folder: Path, on_defect: OnDefect = raise_defect, suffixes: frozenset[str] = PICTURE_SUFFIXES
) -> list[str]:
    """List the pictures in a folder and in all folders below it, by their paths relative to it, sorted.

    Links to folders are followed, but not back to a folder that they lie in.
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


def is_picture(name: str, suffixes: frozenset[str] = PICTURE_SUFFIXES) -> bool:
    """Whether a file is a picture by the ending of its name."""
    # On a string: a Path for each file would take longer than all the rest.
    return posixpath.splitext(name)[1].lower() in suffixes


def require_utf8(folder: Path, names: Sequence[str], on_defect: OnDefect) -> list[str]:
    """Return the names in a folder that are UTF-8; the others are one defect, with their other bytes escaped."""
    bad = [escaped(name) for name in names if not is_utf8(name)]
    if bad:
        on_defect(f"{folder}: expected names in UTF-8, found {some(sorted(bad))}; rename {'them' if bad[1:] else 'it'}")
    return [name for name in names if is_utf8(name)] if bad else list(names)


def file_names(folder: Path, on_defect: OnDefect = raise_defect) -> list[str]:
    """List the files in a folder by name, sorted; a folder that is missing holds none.

    Dangling links are included: opening them will name the defect.
    """
    return sorted(entry.name for entry in _entries(folder, on_defect) if not _is_folder(entry))


def folder_names(folder: Path, on_defect: OnDefect = raise_defect) -> list[str]:
    """List the folders in a folder by name, sorted; a folder that is missing holds none."""
    return sorted(entry.name for entry in _entries(folder, on_defect) if _is_folder(entry))


def missing_files(root: Path, paths: Iterable[str], on_defect: OnDefect = raise_defect) -> set[str]:
    """Find the paths, relative to the root or absolute, where there is no file."""

    @cache
    def names(folder: str) -> frozenset[str]:
        return frozenset(file_names(root / folder, on_defect))

    splits = ((path, *posixpath.split(path)) for path in paths)
    return {path for path, folder, name in splits if name not in names(folder)}


def require_cameras(root: Path, cameras: Sequence[CameraFolder], layout: str, on_defect: OnDefect) -> None:
    """Check that every camera's folder exists and holds pictures."""
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
    """Say what is there where a folder is missing."""
    return "a file" if is_there(folder) else "none"


def _entries(folder: Path, on_defect: OnDefect) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in a list
        return []
    except OSError as error:
        on_defect(f"{folder}: expected a folder that can be read, could not ({error.strerror}); allow reading it")
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _number(folder: Path) -> tuple[int, int]:
    """Return what a folder is known by, whatever links lead there."""
    try:
        status = folder.stat()
    except OSError:  # listing it will say so
        return -1, -1
    return status.st_dev, status.st_ino
