"""LLCM (Zhang and Wang, CVPR 2023): scan its training lists and its test folders `test_{vis,nir}/camN/PPPP`.

Nine cameras record visible and near-infrared light, except camera 3, which has no infrared test pictures. The identity
of a test person is the number of the folder, of at most four digits. The training lists label other people from 0;
their identity is label + 10,000, which no folder has. The cameras of training pictures are unknown (0), and there are
no validation people. Test pictures are sorted by identity, camera and file name, as in the data set's code, which draws
its galleries in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mvd.data.layouts.defects import OnDefect, raise_defect, require_pictures
from mvd.data.layouts.folders import CameraFolder, camera_rows, folder_names, require_cameras, require_folder
from mvd.data.layouts.layout import Layout
from mvd.data.layouts.list_files import read_identities, read_labelled, require_same_labels
from mvd.data.samples import Dataset, Modality, Row, Samples, from_rows, scan_order
from mvd.errors import some

VISIBLE_CAMERAS = (1, 2, 3, 4, 5, 6, 7, 8, 9)
INFRARED_CAMERAS = (1, 2, 4, 5, 6, 7, 8, 9)
_PARTS = "vis, nir, test_vis, test_nir and idx, the layout of LLCM"

_TRAIN_LISTS = {Modality.VISIBLE: "idx/train_vis.txt", Modality.INFRARED: "idx/train_nir.txt"}
_FOLDERS = (
    *(CameraFolder(f"test_vis/cam{camera}", camera, Modality.VISIBLE) for camera in VISIBLE_CAMERAS),
    *(CameraFolder(f"test_nir/cam{camera}", camera, Modality.INFRARED) for camera in INFRARED_CAMERAS),
)
_FIRST_TRAIN_IDENTITY = 10_000


def scan_llcm(root: Path, on_defect: OnDefect = raise_defect) -> Dataset:
    """Scan a data set in the layout of LLCM.

    Args:
        root: the folder that contains `vis`, `nir`, `test_vis`, `test_nir` and `idx`.
        on_defect: called with each defect; the default raises it as `DatasetError`.
    """
    require_folder(root, _PARTS)
    require_cameras(root, _FOLDERS, _PARTS, on_defect)
    return Dataset(
        name="llcm",
        root=root,
        train=_scan_train(root, on_defect),
        validation=from_rows([]),
        test=_scan_test(root, on_defect),
        people_lists=_TRAIN_LISTS[Modality.VISIBLE],
    )


def _scan_train(root: Path, on_defect: OnDefect) -> Samples:
    lists = {file: read_labelled(root, file, on_defect) for file in _TRAIN_LISTS.values()}
    require_same_labels(root, lists, on_defect)

    def rows() -> Iterator[Row]:
        for modality, file in _TRAIN_LISTS.items():
            for listed in lists[file]:
                yield Row(listed.path, _FIRST_TRAIN_IDENTITY + listed.label, 0, modality)

    return from_rows(sorted(rows(), key=scan_order))


def _scan_test(root: Path, on_defect: OnDefect) -> Samples:
    file = root / "idx" / "test_id.txt"
    identities = read_identities(file, on_defect)
    known = [identity for identity in identities if identity < _FIRST_TRAIN_IDENTITY]
    if len(known) < len(identities):
        on_defect(
            f"{file}: expected identities of four digits at most, the numbers of folders, found "
            f"{some(identities[len(known) :])}; take them off the list"
        )
    table = from_rows(sorted(camera_rows(root, _FOLDERS, known, on_defect), key=scan_order))
    require_pictures(file, known, table, {}, on_defect)
    return table


def _recognise(path: Path) -> bool:
    # Two folders are enough, so that the scan can name those that are missing.
    return len({"idx", "vis", "nir", "test_vis", "test_nir"}.intersection(folder_names(path))) >= 2


LAYOUT = Layout(
    "llcm",
    "LLCM (vis, nir, test_vis, test_nir, idx)",
    _recognise,
    lambda root, _, on_defect: scan_llcm(root, on_defect),
)
