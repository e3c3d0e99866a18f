"""SYSU-MM01 (Wu et al., ICCV 2017): scan `camN/PPPP/NNNN.jpg` and `exp/*_id.txt` into tables.

Cameras 1, 2, 4 and 5 are visible, 3 and 6 infrared. The tables are sorted by identity, camera and file name, the order
of the arrays of the original's preparation script. `val_id.txt` may be empty: then there are no validation people.
"""

from __future__ import annotations

import re
from pathlib import Path

from mvd.data.layouts import llcm, own_folder, regdb
from mvd.data.layouts.defects import (
    OnDefect,
    raise_defect,
    require_both_modalities,
    require_disjoint,
    require_pictures,
)
from mvd.data.layouts.folders import CameraFolder, camera_rows, folder_names, require_cameras, require_folder
from mvd.data.layouts.layout import Layout
from mvd.data.layouts.list_files import read_identities
from mvd.data.samples import Dataset, Modality, from_rows

VISIBLE_CAMERAS = (1, 2, 4, 5)
INFRARED_CAMERAS = (3, 6)
CAMERAS = tuple(sorted(VISIBLE_CAMERAS + INFRARED_CAMERAS))
_PARTS = "cam1 … cam6 and exp, the layout of SYSU-MM01"

_FOLDERS = tuple(
    CameraFolder(f"cam{camera}", camera, Modality.VISIBLE if camera in VISIBLE_CAMERAS else Modality.INFRARED)
    for camera in CAMERAS
)


def scan_sysu(root: Path, on_defect: OnDefect = raise_defect) -> Dataset:
    """Scan a data set in the layout of SYSU-MM01.

    Args:
        root: the folder that contains `cam1` … `cam6` and `exp`.
        on_defect: called with each defect; the default raises it as `DatasetError`.
    """
    require_folder(root, _PARTS)
    require_cameras(root, _FOLDERS, _PARTS, on_defect)
    lists = {split: root / "exp" / f"{split}_id.txt" for split in ("train", "val", "test")}
    listed = {split: read_identities(file, on_defect, nobody=split == "val") for split, file in lists.items()}
    splits = require_disjoint(root / "exp", listed, {}, on_defect)
    tables = {
        split: from_rows(camera_rows(root, _FOLDERS, identities, on_defect)) for split, identities in splits.items()
    }
    for split, identities in splits.items():
        require_pictures(lists[split], identities, tables[split], {}, on_defect)
    require_both_modalities(root, (tables["train"], tables["val"]), "exp/*_id.txt", {}, on_defect)
    return Dataset(
        name="sysu",
        root=root,
        train=tables["train"],
        validation=tables["val"],
        test=tables["test"],
        people_lists="exp/train_id.txt",
    )


def _recognise(path: Path) -> bool:
    names = folder_names(path)
    cameras = sum(re.fullmatch(r"cam[0-9]+", name) is not None for name in names)
    # One folder is enough, so that the scan can name the missing ones; but folders of experiments have an exp too.
    others = (regdb.LAYOUT, llcm.LAYOUT, own_folder.LAYOUT)
    return cameras > 1 or ((cameras == 1 or "exp" in names) and not any(other.recognise(path) for other in others))


LAYOUT = Layout(
    "sysu", "SYSU-MM01 (cam1 … cam6, exp)", _recognise, lambda root, _, on_defect: scan_sysu(root, on_defect)
)
