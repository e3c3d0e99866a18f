"""SYSU-MM01 (Wu et al., ICCV 2017): scans `camN/PPPP/NNNN.jpg` and `exp/*_id.txt` into tables.

Cameras 1, 2, 4 and 5 are visible, 3 and 6 infrared. The tables are sorted by identity, camera and file name, the
order in which the original's preparation script fills its arrays. Identities come from the names of folders below
the root alone, so the root's own path may hold anything. A tree that is incomplete is refused here, before
anything is computed from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mvd.data.samples import Dataset, Modality, Samples, concatenate
from mvd.errors import DatasetError

VISIBLE_CAMERAS = (1, 2, 4, 5)
INFRARED_CAMERAS = (3, 6)
CAMERAS = tuple(sorted(VISIBLE_CAMERAS + INFRARED_CAMERAS))
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})


def scan_sysu(root: Path) -> Dataset:
    """Scan a data set in the layout of SYSU-MM01.

    Args:
        root: the folder that holds `cam1` … `cam6` and `exp`.

    Returns:
        The tables of the train, validation and test identities.

    Raises:
        DatasetError: a camera folder or an id file is missing, empty or damaged; two splits share an identity;
            an identity has no pictures; or one to be trained or validated on is seen in one modality only.
    """
    _require_cameras(root)
    splits = {name: read_identities(root / "exp" / f"{name}_id.txt") for name in ("train", "val", "test")}
    _require_disjoint(root, splits)
    tables = {name: list_pictures(root, identities) for name, identities in splits.items()}
    for name, identities in splits.items():
        _require_pictures(root / "exp" / f"{name}_id.txt", identities, tables[name])
    for name in ("train", "val"):
        _require_both_modalities(root, tables[name])
    return Dataset(name="sysu", root=root, train=tables["train"], validation=tables["val"], test=tables["test"])


def read_identities(file: Path) -> tuple[int, ...]:
    """Read an id file: one line of comma-separated identities, which may be wrapped into several.

    Raises:
        DatasetError: the file is missing, empty, or holds anything but distinct positive integers.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DatasetError(
            f"{file}: expected an id file (one line, such as 1,2,4), found none; copy it from the data set's exp folder"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: expected an id file in plain text, could not read it ({error})") from error
    tokens = [token for token in re.split(r"[,\s]+", text) if token]
    if not tokens:
        raise DatasetError(f"{file}: expected comma-separated identities such as 1,2,4, found an empty file")
    for token in tokens:
        if not (token.isascii() and token.isdecimal() and int(token) > 0):
            raise DatasetError(f"{file}: expected positive integers separated by commas, found {token[:40]!r}")
    identities = tuple(int(token) for token in tokens)
    if len(set(identities)) != len(identities):
        twice = next(identity for identity in identities if identities.count(identity) > 1)
        raise DatasetError(f"{file}: expected each identity once, found {twice} more than once")
    return tuple(sorted(identities))


def list_pictures(root: Path, identities: Iterable[int]) -> Samples:
    """List the pictures of some identities, sorted by identity, camera and file name.

    Hidden files and files that are no pictures are passed over; a camera that has no folder for an identity did
    not see that person.
    """
    return concatenate([table for identity in sorted(identities) for table in _of_identity(root, identity)])


def _of_identity(root: Path, identity: int) -> Iterator[Samples]:
    for camera in CAMERAS:
        folder = root / f"cam{camera}" / f"{identity:04d}"
        if not folder.is_dir():
            continue
        names = sorted(
            file.name
            for file in folder.iterdir()
            if file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".")
        )
        modality = Modality.VISIBLE if camera in VISIBLE_CAMERAS else Modality.INFRARED
        yield Samples(
            paths=np.array([f"cam{camera}/{folder.name}/{name}" for name in names], dtype=np.str_),
            identities=np.full(len(names), identity),
            cameras=np.full(len(names), camera),
            modalities=np.full(len(names), modality),
        )


def _require_cameras(root: Path) -> None:
    layout = "cam1 … cam6 and exp, the layout of SYSU-MM01"
    if not root.is_dir():
        raise DatasetError(f"{root}: expected a folder with {layout}, found no such folder")
    for camera in CAMERAS:
        folder = root / f"cam{camera}"
        if not folder.is_dir():
            raise DatasetError(f"{folder}: expected a camera folder ({layout}), found none; check the path to the data")
        if not any(_pictures_below(folder)):
            raise DatasetError(
                f"{folder}: expected pictures such as 0001/0001.jpg, found none; unpack this camera again"
            )


def _pictures_below(folder: Path) -> Iterator[Path]:
    return (file for file in folder.glob("*/*") if file.suffix.lower() in PICTURE_SUFFIXES)


def _require_disjoint(root: Path, splits: dict[str, tuple[int, ...]]) -> None:
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = sorted(set(splits[one]) & set(splits[other]))
        if shared:
            raise DatasetError(
                f"{root / 'exp'}: expected no identity in both {one}_id.txt and {other}_id.txt, found {_some(shared)}"
            )


def _require_pictures(file: Path, identities: tuple[int, ...], table: Samples) -> None:
    missing = sorted(set(identities) - set(table.people.tolist()))
    if missing:
        raise DatasetError(
            f"{file}: expected pictures of every identity listed, found none of {_some(missing)} in any camera; "
            f"unpack them or take them off the list"
        )


def _require_both_modalities(root: Path, table: Samples) -> None:
    for modality, cameras in ((Modality.VISIBLE, VISIBLE_CAMERAS), (Modality.INFRARED, INFRARED_CAMERAS)):
        missing = sorted(set(table.people.tolist()) - set(table.of(modality).people.tolist()))
        if missing:
            folders = ", ".join(f"cam{camera}" for camera in cameras)
            raise DatasetError(
                f"{root}: expected {modality.name.lower()} pictures ({folders}) of every training and validation "
                f"identity, found none of {_some(missing)}; add them or take the identity off exp/*_id.txt"
            )


def _some(identities: list[int]) -> str:
    shown = ", ".join(str(identity) for identity in identities[:5])
    return shown if len(identities) <= 5 else f"{shown} and {len(identities) - 5} more"
