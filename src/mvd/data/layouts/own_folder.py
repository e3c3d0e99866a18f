"""Own data in folders: `visible/ID/…` and `infrared/ID/…`, an ID being whatever somebody is called.

    visible/anna/*.jpg …    infrared/anna/*.jpg …    train_id.txt, val_id.txt, test_id.txt (optional)

Without the lists everybody is a test person; with one of them, only those listed count. The camera is not known (0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mvd.data.layouts.defects import (
    Report,
    raise_at_once,
    require_both_modalities,
    require_disjoint,
    require_pictures,
)
from mvd.data.layouts.folders import folder_names, picture_names, require_folder
from mvd.data.layouts.list_files import read_names
from mvd.data.layouts.naming import number_names
from mvd.data.samples import Dataset, Modality, Row, from_rows, scan_order
from mvd.errors import DatasetError

LAYOUT = "visible and infrared, a folder for each person in both"
LISTS = {"train": "train_id.txt", "val": "val_id.txt", "test": "test_id.txt"}

_FOLDERS = {Modality.VISIBLE: "visible", Modality.INFRARED: "infrared"}


def scan_own_folder(root: Path, report: Report = raise_at_once) -> Dataset:
    """Scan own data in folders.

    Args:
        root: the folder that holds `visible` and `infrared`.
        report: takes each defect: a folder without pictures, pictures outside the folders of people, a list that
            cannot be read, somebody on two lists or listed without pictures, and training and validation people who
            are seen in one modality only.

    Returns:
        The tables of the train, validation and test people, and what these are called.

    Raises:
        DatasetError: there is no such folder; or a defect, unless `report` takes it.
    """
    require_folder(root, LAYOUT)
    people = {modality: folder_names(root / folder, report) for modality, folder in _FOLDERS.items()}
    listed = {split: read_names(root / file, report) for split, file in LISTS.items() if (root / file).exists()}
    numbers = number_names([name for some in (*people.values(), *listed.values()) for name in some], smallest=0)
    names = {number: name for name, number in numbers.items()}
    everybody = from_rows(sorted(_rows(root, people, numbers, report), key=scan_order))
    if not listed:
        splits = {"test": everybody.people.tolist()}
    else:
        wanted = {split: [numbers[name] for name in given] for split, given in listed.items()}
        splits = require_disjoint(root, wanted, names, report)
    tables = {split: everybody.take(np.isin(everybody.identities, splits.get(split, []))) for split in LISTS}
    for split, identities in splits.items():
        require_pictures(root / LISTS[split], identities, tables[split], names, report)
    require_both_modalities(root, (tables["train"], tables["val"]), "train_id.txt or val_id.txt", names, report)
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
    root: Path, people: Mapping[Modality, list[str]], numbers: Mapping[str, int], report: Report
) -> Iterator[Row]:
    for modality, folder in _FOLDERS.items():
        if not people[modality]:
            report(DatasetError(f"{root / folder}: expected a folder for each person, found none; add them"))
        stray = picture_names(root / folder, report)
        if stray:
            report(
                DatasetError(
                    f"{root / folder}: expected pictures in a folder for each person, found {stray[0]} outside; move "
                    f"it and any other into {folder}/ID"
                )
            )
        for name in people[modality]:
            pictures = picture_names(root / folder / name, report)
            if not pictures:
                report(
                    DatasetError(
                        f"{root / folder / name}: expected pictures right in this folder, found none; add some or "
                        f"remove the folder"
                    )
                )
            for picture in pictures:
                yield Row(f"{folder}/{name}/{picture}", numbers[name], 0, modality)
