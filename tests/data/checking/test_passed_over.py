"""What a scan passes over is counted and named."""

from __future__ import annotations

import shutil
from pathlib import Path

from fakes import write_own_folder, write_own_table, write_picture, write_regdb, write_tree

from mvd.data.checking.check import check_dataset


def passed(data: Path) -> list[str]:
    inspection = check_dataset(data, workers=1)
    assert inspection.defects == ()
    return [note for note in inspection.notes if "passed over" in note]


def test_nothing_is_passed_over_in_whole_data_sets(tmp_path: Path) -> None:
    (tmp_path / "b" / "trial-1").mkdir(parents=True)
    for data in (write_tree(tmp_path / "a"), write_regdb(tmp_path / "b"), write_own_folder(tmp_path / "c")):
        (data / "readme.txt").touch()
        assert passed(data) == []
    assert passed(write_own_table(tmp_path / "t.csv")) == []


def test_a_benchmark_has_unknown_cameras_formats_people_and_files(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    shutil.copytree(root / "cam1", root / "cam7")
    write_picture(root / "cam1" / "0001" / "3.tif", 1)
    for number in (1, 2, 3):
        write_picture(root / "cam3" / "0099" / f"{number}.jpg", 1)
    (root / "cam2" / "0002" / "notes.txt").touch()
    (root / "cam2" / "0002" / "._0001.jpg").touch()
    assert passed(root) == [
        "folders beside those of the pictures, passed over: 1 (cam7)",
        "files without the ending of a picture, passed over: 1, such as cam2/0002/notes.txt",
        "hidden files, passed over: 1, such as cam2/0002/._0001.jpg",
        "pictures in a format that this layout does not have, passed over: 1, such as cam1/0001/3.tif",
        "pictures on no list or in no folder of this layout, passed over: 3, such as cam3/0099/1.jpg",
    ]


def test_own_folders_have_people_on_no_list_and_pictures_elsewhere(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna", "bo"), test=("anna",))
    write_picture(root / "stray.png", 1)
    (root / "visible" / "anna" / ".cache").mkdir()
    write_picture(root / "visible" / "anna" / ".cache" / "x.jpg", 1)
    assert passed(root) == [
        "hidden files, passed over: 1, such as visible/anna/.cache/x.jpg",
        "pictures on no list or in no folder of this layout, passed over: 5, such as infrared/bo/1.jpg",
    ]


def test_a_table_leaves_out_pictures_beside_those_it_lists(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "t.csv", people=("anna",))
    write_picture(tmp_path / "pictures" / "x.webp", 1)
    write_picture(tmp_path / "elsewhere" / "x.jpg", 1)
    assert passed(table) == [f"pictures beside those in the table, passed over: 1, such as {tmp_path}/pictures/x.webp"]
