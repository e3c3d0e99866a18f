"""Own pictures in folders: `visible/NAME/…` and `infrared/NAME/…`, a folder for each person in both.

    visible/anna/*.jpg …    infrared/anna/*.jpg …    train_id.txt, val_id.txt, test_id.txt (optional)

Without the lists everybody is a test person; with any of them, only listed people count. The camera is unknown (0).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mvd.data.images import FORMATS
from mvd.data.layouts.defects import (
    OnDefect,
    raise_defect,
    require_both_modalities,
    require_disjoint,
    require_pictures,
)
from mvd.data.layouts.folders import folder_names, picture_names, require_folder
from mvd.data.layouts.layout import Layout
from mvd.data.layouts.list_files import read_names
from mvd.data.layouts.naming import number_names
from mvd.data.samples import Dataset, Modality, Row, from_rows, scan_order

_SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)

LISTS = {"train": "train_id.txt", "val": "val_id.txt", "test": "test_id.txt"}

UNFINISHED = ".mvd-split.unfinished"
"""In the folder while `mvd split` writes the lists, and left if it is killed between them."""

_FOLDERS = {Modality.VISIBLE: "visible", Modality.INFRARED: "infrared"}


def scan_own_folder(root: Path, on_defect: OnDefect = raise_defect) -> Dataset:
    """Scan own pictures in folders.

    Args:
        root: the folder that holds `visible` and `infrared`.
        on_defect: takes each defect; the default raises it as `DatasetError`.
    """
    require_folder(root, "visible and infrared, a folder for each person in both")
    if (root / UNFINISHED).exists():
        on_defect(
            f"{root}: expected a whole split, found one that was interrupted; run: mvd split {shlex.quote(str(root))}"
        )
    people = {modality: folder_names(root / folder, on_defect) for modality, folder in _FOLDERS.items()}
    listed = {split: read_names(root / file, on_defect) for split, file in LISTS.items() if (root / file).exists()}
    numbers = number_names([name for some in (*people.values(), *listed.values()) for name in some], smallest=0)
    names = {number: name for name, number in numbers.items()}
    everybody = from_rows(sorted(_rows(root, people, numbers, on_defect), key=scan_order))
    if not listed:
        splits = {"test": everybody.people.tolist()}
    else:
        wanted = {split: [numbers[name] for name in given] for split, given in listed.items()}
        splits = require_disjoint(root, wanted, names, on_defect)
    tables = {split: everybody.take(np.isin(everybody.identities, splits.get(split, []))) for split in LISTS}
    for split, identities in splits.items():
        require_pictures(root / LISTS[split], identities, tables[split], names, on_defect)
    require_both_modalities(root, (tables["train"], tables["val"]), "train_id.txt or val_id.txt", names, on_defect)
    return Dataset(
        name="own",
        root=root,
        train=tables["train"],
        validation=tables["val"],
        test=tables["test"],
        people_lists=LISTS["train"],
        names=names,
    )


def _rows(
    root: Path, people: Mapping[Modality, list[str]], numbers: Mapping[str, int], on_defect: OnDefect
) -> Iterator[Row]:
    for modality, folder in _FOLDERS.items():
        if not people[modality]:
            on_defect(f"{root / folder}: expected a folder for each person, found none; add them")
        stray = picture_names(root / folder, on_defect, _SUFFIXES)
        if stray:
            on_defect(
                f"{root / folder}: expected pictures in a folder for each person, found {stray[0]} outside; move "
                f"it and any other into {folder}/ID"
            )
        for name in people[modality]:
            pictures = picture_names(root / folder / name, on_defect, _SUFFIXES)
            if not pictures:
                on_defect(
                    f"{root / folder / name}: expected pictures right in this folder, found none; add some or "
                    f"remove the folder"
                )
            for picture in pictures:
                yield Row(f"{folder}/{name}/{picture}", numbers[name], 0, modality)


LAYOUT = Layout(
    "own-folder",
    "own data (visible, infrared)",
    lambda path: set(_FOLDERS.values()) <= set(folder_names(path)),
    lambda root, _, on_defect: scan_own_folder(root, on_defect),
)
