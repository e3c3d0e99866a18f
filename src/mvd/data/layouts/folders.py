"""Folders of pictures: what lies in them, by exact name, and the folders of cameras that SYSU-MM01 and LLCM share.

Data sets have tens of thousands of files and may lie on slow disks, so a folder is read once and no file is asked
for itself. Names count to the letter, on disks that do not tell upper from lower case too: a data set that
is fine here is fine elsewhere. Hidden files, among them those that macOS leaves as `._x.jpg`, are passed over.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mvd.data.layouts.defects import Report, raise_at_once
from mvd.data.samples import Modality, Row
from mvd.errors import DatasetError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


class CameraFolder(NamedTuple):
    """A folder of pictures of one camera in one modality, with a folder `PPPP` for each person."""

    path: str
    camera: int
    modality: Modality


def require_folder(root: Path, layout: str) -> None:
    """Check that there is a folder to scan.

    Raises:
        DatasetError: there is none.
    """
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder with {layout}, found no such folder; check the path to the data")


def picture_names(folder: Path, report: Report = raise_at_once) -> list[str]:
    """List the pictures in a folder by name, sorted; a folder that is missing holds none."""
    # As a string: a Path for each file would take longer than all the rest.
    return [name for name in file_names(folder, report) if posixpath.splitext(name)[1].lower() in PICTURE_SUFFIXES]


def file_names(folder: Path, report: Report = raise_at_once) -> list[str]:
    """List the files in a folder by name, sorted; a folder that is missing holds none.

    A link that leads nowhere is among them: whoever opens it will say what is wrong.
    """
    return sorted(entry.name for entry in _entries(folder, report) if not _is_folder(entry))


def folder_names(folder: Path, report: Report = raise_at_once) -> list[str]:
    """List the folders in a folder by name, sorted; a folder that is missing holds none."""
    return sorted(entry.name for entry in _entries(folder, report) if _is_folder(entry))


def missing_files(root: Path, paths: Iterable[str], report: Report = raise_at_once) -> set[str]:
    """Find the paths, relative to the root or absolute, where there is no file."""

    @cache
    def names(folder: str) -> frozenset[str]:
        return frozenset(file_names(root / folder, report))

    splits = ((path, *posixpath.split(path)) for path in paths)
    return {path for path, folder, name in splits if name not in names(folder)}


def require_cameras(root: Path, cameras: Sequence[CameraFolder], layout: str, report: Report) -> None:
    """Check that every camera's folder is there and holds pictures of somebody."""
    for camera in cameras:
        folder = root / camera.path
        if not folder.is_dir():
            report(
                DatasetError(
                    f"{folder}: expected a camera folder ({layout}), found none; check the path to the data or unpack "
                    f"this camera"
                )
            )
        elif not any(picture_names(folder / person, report) for person in folder_names(folder, report)):
            report(
                DatasetError(f"{folder}: expected pictures such as 0001/0001.jpg, found none; unpack this camera again")
            )


def camera_rows(
    root: Path, cameras: Sequence[CameraFolder], identities: Iterable[int], report: Report
) -> Iterator[Row]:
    """Yield the pictures of some identities; a camera without a folder for an identity did not see that person."""
    for identity in identities:
        for camera in cameras:
            folder = f"{camera.path}/{identity:04d}"
            for name in picture_names(root / folder, report):
                yield Row(f"{folder}/{name}", identity, camera.camera, camera.modality)


def _entries(folder: Path, report: Report) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        report(DatasetError(f"{folder}: expected a folder that can be read, could not ({error.strerror}); mend that"))
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
