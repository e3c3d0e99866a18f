"""Scanning SYSU-MM01's layout: order, roots with awkward names, and every way in which a tree can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import collect, write_ids, write_tree

from mvd.data.layouts.sysu import scan_sysu
from mvd.data.samples import Modality
from mvd.errors import DatasetError


def test_tables_hold_every_picture_sorted_by_identity_camera_and_name(tmp_path: Path) -> None:
    dataset = scan_sysu(write_tree(tmp_path, train=(12, 3), val=(4,), test=(1, 5)))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [24, 12, 24]
    rows = list(zip(dataset.train.identities.tolist(), dataset.train.cameras.tolist(), strict=True))
    assert rows == [(i, c) for i in (3, 12) for c in range(1, 7) for _ in range(2)]
    assert dataset.train.paths[0] == "cam1/0003/0001.jpg"
    infrared = dataset.train.modalities == Modality.INFRARED
    assert np.array_equal(infrared, np.isin(dataset.train.cameras, (3, 6)))


def test_identity_and_camera_come_from_below_the_root_alone(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "cam9 0042" / "fünf cam1 ünd")
    assert scan_sysu(root).test.people.tolist() == [6, 7, 8]


def test_hidden_and_foreign_files_are_no_pictures(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "._0001.jpg", "._0001.JPG"):
        (root / "cam1" / "0001" / name).write_bytes(b"x")
    assert len(scan_sysu(root).train) == 36


def test_an_upper_case_suffix_is_one_of_a_picture(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    (root / "cam1" / "0001" / "0001.jpg").rename(root / "cam1" / "0001" / "0001.JPG")
    assert scan_sysu(root).train.paths[0] == "cam1/0001/0001.JPG"


def test_a_camera_need_not_have_seen_everybody(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    shutil.rmtree(root / "cam4" / "0002")
    assert len(scan_sysu(root).train) == 34


def test_a_missing_root_camera_or_id_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: expected a folder with cam1"):
        scan_sysu(tmp_path / "nowhere")
    root = write_tree(tmp_path)
    (root / "exp" / "val_id.txt").unlink()
    with pytest.raises(DatasetError, match=r"val_id\.txt: expected an id file"):
        scan_sysu(root)
    shutil.rmtree(root / "cam5")
    with pytest.raises(DatasetError, match=r"cam5: expected a camera folder"):
        scan_sysu(root)


def test_an_empty_camera_is_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    for folder in (root / "cam6").iterdir():
        shutil.rmtree(folder)
    with pytest.raises(DatasetError, match=r"cam6: expected pictures .* found none"):
        scan_sysu(root)


def test_splits_may_not_share_people(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    write_ids(root, test=(3, 6, 7))
    with pytest.raises(DatasetError, match=r"both train_id\.txt and test_id\.txt, found 3"):
        scan_sysu(root)


def test_a_listed_person_without_pictures_is_named(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    write_ids(root, train=(1, 2, 3, 99))
    with pytest.raises(
        DatasetError, match=r"train_id\.txt: expected pictures of every identity listed, found none of 99"
    ):
        scan_sysu(root)


@pytest.mark.parametrize(("cameras", "modality"), [((3, 6), "infrared"), ((1, 2, 4, 5), "visible")])
def test_a_training_person_seen_in_one_modality_only_is_named(
    tmp_path: Path, cameras: tuple[int, ...], modality: str
) -> None:
    root = write_tree(tmp_path)
    for camera in cameras:
        shutil.rmtree(root / f"cam{camera}" / "0002")
    with pytest.raises(DatasetError, match=rf"expected {modality} pictures .* found none of 2;"):
        scan_sysu(root)


def test_one_scan_reports_every_defect_and_goes_on_without_what_is_wrong(tmp_path: Path) -> None:
    root = write_tree(tmp_path, train=(1, 2, 3), val=(4, 5), test=(6, 7, 8))
    shutil.rmtree(root / "cam5")
    for camera in (3, 6):
        shutil.rmtree(root / f"cam{camera}" / "0002")
    for folder in (root / "cam4").iterdir():
        shutil.rmtree(folder)
    (root / "exp" / "val_id.txt").unlink()
    write_ids(root, test=(3, 6, 7, 99))
    dataset, defects = collect(lambda on_defect: scan_sysu(root, on_defect))
    assert [defect.partition(": ")[0].removeprefix(str(root)) for defect in defects] == [
        "/cam4",
        "/cam5",
        "/exp/val_id.txt",
        "/exp",
        "/exp/test_id.txt",
        "",
    ]
    assert "infrared pictures of every training" in defects[-1]
    assert dataset.train.people.tolist() == [1, 2, 3]
    assert len(dataset.validation) == 0
    assert dataset.test.people.tolist() == [6, 7]  # 3 stays in training, the first list that names it
    assert sorted(set(dataset.test.cameras.tolist())) == [1, 2, 3, 6]


def test_an_empty_list_of_validation_people_holds_out_nobody(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    (root / "exp" / "val_id.txt").write_text("\n")
    assert [len(table) for table in (scan_sysu(root).train, scan_sysu(root).validation)] == [36, 0]
    for split in ("train", "test"):
        (root / "exp" / f"{split}_id.txt").write_text("\n")
        with pytest.raises(DatasetError, match=rf"{split}_id\.txt: expected comma-separated .* found an empty file"):
            scan_sysu(root)
        write_ids(root, train=(1, 2, 3))
