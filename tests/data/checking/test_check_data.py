"""Inspecting a data set whole: counts, notes, and all defects at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import write_ids, write_llcm, write_own_folder, write_own_table, write_picture, write_regdb, write_tree
from PIL import Image

from mvd.data.checking.check import CameraCounts, Sizes, SplitCounts, check_dataset
from mvd.data.samples import Modality


def test_a_whole_data_set_has_counts_and_no_defects(tmp_path: Path) -> None:
    root = write_tree(tmp_path, train=(1, 2, 3), val=(4, 5), test=(6, 7, 8))
    inspection = check_dataset(root)
    assert inspection.defects == ()
    assert inspection.splits == (
        SplitCounts("train", 3, 24, 12, (1, 2, 3, 4, 5, 6)),
        SplitCounts("validation", 2, 16, 8, (1, 2, 3, 4, 5, 6)),
        SplitCounts("test", 3, 24, 12, (1, 2, 3, 4, 5, 6)),
    )
    assert len(inspection.cameras) == 6
    assert inspection.cameras[2] == CameraCounts(3, Modality.INFRARED, 8, 16)
    assert inspection.sizes == Sizes((32, 16), (32, 16), (32, 16))


def test_every_layout_is_inspected(tmp_path: Path) -> None:
    regdb = check_dataset(write_regdb(tmp_path / "b"), trial=4)
    assert regdb.dataset is not None
    assert (regdb.dataset.trial, regdb.defects) == (4, ())
    llcm = check_dataset(write_llcm(tmp_path / "c"))
    assert (len(llcm.cameras), llcm.defects) == (2 + 9 + 8, ())  # of training pictures the camera is not known
    assert check_dataset(write_own_folder(tmp_path / "d")).splits[2] == SplitCounts("test", 4, 8, 8, (0,))
    assert check_dataset(write_own_table(tmp_path / "e" / "t.csv")).defects == ()


def test_all_defects_come_at_once_those_of_lists_before_those_of_files(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    shutil.rmtree(root / "cam2")
    write_ids(root, test=(6, 7, 8, 99))
    (root / "cam1" / "0001" / "0001.jpg").write_bytes(b"")
    picture = root / "cam4" / "0007" / "0002.jpg"
    picture.write_bytes(picture.read_bytes()[:-80])
    defects = check_dataset(root, workers=2).defects
    assert [defect.partition(": ")[0].removeprefix(f"{root}/") for defect in defects] == [
        "cam2",
        "exp/test_id.txt",
        "cam1/0001/0001.jpg",
        "cam4/0007/0002.jpg",
    ]
    assert all("\n" not in defect for defect in defects)


def test_what_cannot_be_scanned_is_one_defect(tmp_path: Path) -> None:
    inspection = check_dataset(tmp_path / "nowhere")
    assert inspection.dataset is None
    assert len(inspection.defects) == 1
    assert inspection.splits == ()


def test_a_file_that_two_people_share_is_a_defect_that_names_both(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna", "bo", "cy"), pictures=3)
    for number in (1, 2):
        shutil.copy(root / "visible" / "cy" / f"{number}.jpg", root / "infrared" / "anna" / f"{number}.jpg")
    (defect,) = check_dataset(root).defects
    assert (
        "found 1 in common, such as infrared/anna/1.jpg (identity anna) and infrared/cy/1.jpg (identity cy)" in defect
    )


def test_notes_tell_of_queries_without_a_match_and_of_colours(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna", "bo", "cy"))
    shutil.rmtree(root / "infrared" / "anna")
    shutil.rmtree(root / "visible" / "cy")
    for seed, person in enumerate(("anna", "bo")):
        levels = np.random.default_rng(seed).integers(0, 256, (32, 16), dtype=np.uint8)
        Image.fromarray(levels).save(root / "visible" / person / "1.jpg")
    Image.fromarray(levels[::-1]).save(root / "infrared" / "bo" / "1.jpg")
    inspection = check_dataset(root)
    assert inspection.defects == ()
    assert [note for note in inspection.notes if "again" not in note and "copies" not in note] == [
        "test people without infrared pictures: 1 (anna); queries without a match: 2",
        "test people without visible pictures: 1 (cy); queries without a match: 2",
        "2 of 4 visible pictures are grey throughout",
        "3 of 4 infrared pictures have colour",
    ]


def test_sizes_are_ordered_by_the_number_of_pixels(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna",), pictures=2)
    for name, (height, width) in (("1.jpg", (100, 50)), ("2.jpg", (20, 120)), ("3.jpg", (200, 30))):
        write_picture(root / "visible" / "anna" / name, 1, height=height, width=width)
    shutil.rmtree(root / "infrared" / "anna")
    (root / "infrared" / "anna").mkdir()
    assert check_dataset(root).sizes == Sizes((20, 120), (100, 50), (200, 30))


@pytest.mark.parametrize("workers", [1, 3])
def test_progress_counts_every_picture(tmp_path: Path, workers: int) -> None:
    calls: list[tuple[int, int]] = []
    check_dataset(write_own_folder(tmp_path), workers=workers, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 16) for done in range(1, 17)]
