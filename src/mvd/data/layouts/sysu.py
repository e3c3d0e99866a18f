"""SYSU-MM01 (Wu et al., ICCV 2017): scans `camN/PPPP/NNNN.jpg` and `exp/*_id.txt` into tables.

Cameras 1, 2, 4 and 5 are visible, 3 and 6 infrared. The tables are sorted by identity, camera and file name, the
order in which the original's preparation script fills its arrays. Identities come from the names of folders below
the root alone, so the root's own path may hold anything. A tree that is incomplete is refused here, before
anything is computed from it.
"""

from __future__ import annotations

from pathlib import Path

from mvd.data.layouts.defects import (
    Report,
    raise_at_once,
    require_both_modalities,
    require_disjoint,
    require_pictures,
)
from mvd.data.layouts.folders import CameraFolder, camera_rows, require_cameras, require_folder
from mvd.data.layouts.list_files import read_identities
from mvd.data.samples import Dataset, Modality, from_rows

VISIBLE_CAMERAS = (1, 2, 4, 5)
INFRARED_CAMERAS = (3, 6)
CAMERAS = tuple(sorted(VISIBLE_CAMERAS + INFRARED_CAMERAS))
LAYOUT = "cam1 … cam6 and exp, the layout of SYSU-MM01"

_FOLDERS = tuple(
    CameraFolder(f"cam{camera}", camera, Modality.VISIBLE if camera in VISIBLE_CAMERAS else Modality.INFRARED)
    for camera in CAMERAS
)


def scan_sysu(root: Path, report: Report = raise_at_once) -> Dataset:
    """Scan a data set in the layout of SYSU-MM01.

    Args:
        root: the folder that holds `cam1` … `cam6` and `exp`.
        report: takes each defect: a camera folder or an id file is missing, empty or damaged; two splits share an
            identity; an identity has no pictures; or one to be trained or validated on is seen in one modality only.

    Returns:
        The tables of the train, validation and test identities.

    Raises:
        DatasetError: there is no such folder; or a defect, unless `report` takes it.
    """
    require_folder(root, LAYOUT)
    require_cameras(root, _FOLDERS, LAYOUT, report)
    lists = {split: root / "exp" / f"{split}_id.txt" for split in ("train", "val", "test")}
    listed = {split: read_identities(file, report) for split, file in lists.items()}
    splits = require_disjoint(root / "exp", listed, {}, report)
    tables = {split: from_rows(camera_rows(root, _FOLDERS, identities, report)) for split, identities in splits.items()}
    for split, identities in splits.items():
        require_pictures(lists[split], identities, tables[split], {}, report)
    require_both_modalities(root, (tables["train"], tables["val"]), "exp/*_id.txt", {}, report)
    return Dataset(
        name="sysu",
        root=root,
        train=tables["train"],
        validation=tables["val"],
        test=tables["test"],
        people_lists="exp/train_id.txt",
    )
