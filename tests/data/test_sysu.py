"""Scanning SYSU-MM01's layout: order, roots with awkward names, and every way in which a tree can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import write_ids, write_tree

from mvd.data.samples import Modality
from mvd.data.sysu import read_identities, scan_sysu
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
    for name in (".DS_Store", "Thumbs.db", "._0001.jpg"):
        (root / "cam1" / "0001" / name).write_bytes(b"x")
    assert len(scan_sysu(root).train) == 36


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("\n , \n", "empty file"),
        ("1,2,three", "'three'"),
        ("1,-2", "'-2'"),
        ("0,1", "'0'"),
        ("1.5", r"'1\.5'"),
        ("1,2,1", "1 more than once"),
    ],
)
def test_junk_in_an_id_file_is_quoted(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "train_id.txt"
    file.write_text(text)
    with pytest.raises(DatasetError, match=rf"train_id\.txt: expected .*{message}"):
        read_identities(file)


def test_an_id_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train_id.txt"
    file.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(DatasetError, match=r"train_id\.txt: expected an id file in plain text"):
        read_identities(file)


def test_an_id_file_may_be_wrapped_and_spaced(tmp_path: Path) -> None:
    file = tmp_path / "train_id.txt"
    file.write_text("\ufeff3, 1,\r\n2,\n", encoding="utf-8")
    assert read_identities(file) == (1, 2, 3)


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
