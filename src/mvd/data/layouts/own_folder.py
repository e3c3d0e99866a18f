"""Own pictures in folders: `visible/NAME/…` and `infrared/NAME/…`, with one folder per person in each.

    visible/anna/*.jpg …    infrared/anna/*.jpg …    train_id.txt, val_id.txt, test_id.txt (optional)

A person's folder may have subfolders. Without lists all people are test people; with any list, only listed people are
used. The camera is unknown (0). A folder named "junk" or "-1" contains distractors for the gallery of the test.
"""

from __future__ import annotations

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
from mvd.data.layouts.folders import folder_names, picture_names, picture_paths, require_folder, require_utf8
from mvd.data.layouts.layout import Layout
from mvd.data.layouts.list_files import read_names
from mvd.data.layouts.naming import is_junk, number_people
from mvd.data.samples import JUNK, Dataset, Modality, Row, from_rows, scan_order
from mvd.files.names import shell_words
from mvd.files.regular import is_there

SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""Suffixes of own pictures."""

LISTS = {"train": "train_id.txt", "val": "val_id.txt", "test": "test_id.txt"}

UNFINISHED = ".mvd-split.unfinished"
"""Marker in the folder while `mvd split` writes the lists; it remains if the process is killed between them."""

_FOLDERS = {Modality.VISIBLE: "visible", Modality.INFRARED: "infrared"}


def scan_own_folder(root: Path, on_defect: OnDefect = raise_defect) -> Dataset:
    """Scan own pictures in folders.

    Args:
        root: the folder that contains `visible` and `infrared`.
        on_defect: called with each defect; the default raises it as `DatasetError`.
    """
    require_folder(root, "visible and infrared, a folder for each person in both")
    if is_there(root / UNFINISHED):
        on_defect(f"{root}: expected a whole split, found one that was interrupted; run: mvd split {shell_words(root)}")
    people = {modality: _people(root / folder, on_defect) for modality, folder in _FOLDERS.items()}
    listed = {split: _listed(root, split, on_defect) for split, file in LISTS.items() if is_there(root / file)}
    numbers = number_people(name for some in (*people.values(), *listed.values()) for name in some)
    names = {number: name for name, number in numbers.items() if number != JUNK}
    everybody = from_rows(sorted(_rows(root, people, numbers, on_defect), key=scan_order))
    if not listed:
        splits = {"test": everybody.people.tolist()}
    else:
        wanted = {split: [numbers[name] for name in given] for split, given in listed.items()}
        splits = require_disjoint(root, wanted, names, on_defect)
    # Distractors belong to the test split.
    counted = {**splits, "test": [*splits["test"], JUNK]} if splits.get("test") or not listed else splits
    tables = {split: everybody.take(np.isin(everybody.identities, counted.get(split, []))) for split in LISTS}
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


def _people(folder: Path, on_defect: OnDefect) -> list[str]:
    return require_utf8(folder, folder_names(folder, on_defect), on_defect)


def _listed(root: Path, split: str, on_defect: OnDefect) -> list[str]:
    """Read a list without junk, which need not be listed and always belongs to the test."""
    names = read_names(root / LISTS[split], on_defect)
    junk = [name for name in names if is_junk(name)]
    if junk and split != "test":
        on_defect(
            f"{root / LISTS[split]}: expected people, found {junk[0]}, whose pictures are distractors for the test; "
            f"take it off the list"
        )
    return [name for name in names if not is_junk(name)]


def _rows(
    root: Path, people: Mapping[Modality, list[str]], numbers: Mapping[str, int], on_defect: OnDefect
) -> Iterator[Row]:
    for modality, folder in _FOLDERS.items():
        if not people[modality]:
            on_defect(f"{root / folder}: expected a folder for each person, found none; add them")
        stray = picture_names(root / folder, on_defect, SUFFIXES)
        if stray:
            on_defect(
                f"{root / folder}: expected pictures in a folder for each person, found {stray[0]} outside; move "
                f"it and any other into {folder}/ID"
            )
        for name in people[modality]:
            pictures = picture_paths(root / folder / name, on_defect, SUFFIXES)
            if not pictures:
                on_defect(
                    f"{root / folder / name}: expected pictures in this folder, found none; add some or remove the "
                    f"folder"
                )
            for picture in pictures:
                yield Row(f"{folder}/{name}/{picture}", numbers[name], 0, modality)


LAYOUT = Layout(
    "own-folder",
    "own data (visible, infrared)",
    lambda path: set(_FOLDERS.values()) <= set(folder_names(path)),
    lambda root, _, on_defect: scan_own_folder(root, on_defect),
)
