"""Scanning own data in folders: names of any kind, optional lists, and what can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes import collect, write_lines, write_own_folder, write_picture
from PIL import Image

from mvd.commands.data.check import check
from mvd.data.layouts.own_folder import scan_own_folder
from mvd.data.samples import JUNK, Modality
from mvd.errors import DatasetError


def test_without_lists_everybody_is_a_test_person(tmp_path: Path) -> None:
    dataset = scan_own_folder(write_own_folder(tmp_path / "cam1 für uns", people=("bo", "anna", "cy lee")))
    assert (dataset.name, dataset.trial, dataset.people_lists) == ("own", None, "train_id.txt")
    assert dict(dataset.names) == {1: "anna", 2: "bo", 3: "cy lee"}
    assert len(dataset.train) == len(dataset.validation) == 0
    assert dataset.test.paths[:4].tolist() == [f"{m}/anna/{n}.jpg" for m in ("infrared", "visible") for n in (1, 2)]
    assert dataset.test.identities.tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert dataset.test.of(Modality.VISIBLE).paths[-1] == "visible/cy lee/2.jpg"
    assert set(dataset.test.cameras.tolist()) == {0}


def test_numbers_as_names_keep_their_value(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("0007", "12"), test=("7", "12"))
    assert scan_own_folder(root).test.people.tolist() == [7, 12]


def test_lists_deal_the_people_and_leave_out_whoever_is_on_none(tmp_path: Path) -> None:
    root = write_own_folder(
        tmp_path, people=("anna", "bo", "cy", "dee", "lee, f"), train=("dee, anna",), val=("bo",), test=('"lee, f"',)
    )
    dataset = scan_own_folder(root)
    tables = (dataset.train, dataset.validation, dataset.test)
    assert [[dataset.names[i] for i in table.people.tolist()] for table in tables] == [
        ["anna", "dee"],
        ["bo"],
        ["lee, f"],
    ]


def test_a_list_that_is_not_there_names_nobody(tmp_path: Path) -> None:
    dataset = scan_own_folder(write_own_folder(tmp_path, test=("bo",)))
    assert [len(dataset.train), len(dataset.validation), len(dataset.test)] == [0, 0, 4]


def test_hidden_files_and_folders_are_passed_over_and_suffixes_may_be_upper_case(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna",))
    (root / "visible" / ".thumbnails").mkdir()
    (root / "visible" / "anna" / "._1.jpg").write_bytes(b"x")
    (root / "visible" / "anna" / "notes.txt").write_text("x")
    write_picture(root / "visible" / "anna" / "3.PNG", 3)
    assert scan_own_folder(root).test.of(Modality.VISIBLE).paths.tolist() == [
        f"visible/anna/{name}" for name in ("1.jpg", "2.jpg", "3.PNG")
    ]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"train": ("anna",), "test": ("anna", "bo")},
            r"no identity in both train_id\.txt and test_id\.txt, found anna;",
        ),
        ({"test": ("anna", "zed")}, r"test_id\.txt: expected pictures .* found none of zed;"),
        ({"train": ("anna", "anna")}, r"train_id\.txt: .* found anna more than once"),
    ],
)
def test_a_list_that_contradicts_another_or_the_folders_is_named(
    tmp_path: Path, lists: dict[str, tuple[str, ...]], message: str
) -> None:
    root = write_own_folder(tmp_path)
    for split, names in lists.items():
        write_lines(root / f"{split}_id.txt", names)
    with pytest.raises(DatasetError, match=message):
        scan_own_folder(root)


def test_one_scan_reports_every_defect_and_goes_on_without_what_is_wrong(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, train=("anna", "bo"), val=("cy",), test=("dee", "bo"))
    shutil.rmtree(root / "infrared" / "anna")
    shutil.move(root / "visible" / "dee", root / "dee")
    (root / "visible" / "eve" / "empty").mkdir(parents=True)
    write_picture(root / "infrared" / "stray.jpg", 1)
    dataset, defects = collect(lambda on_defect: scan_own_folder(root, on_defect))
    places = [defect.partition(": ")[0].removeprefix(str(root)) for defect in defects]
    assert places == ["/visible/eve", "/infrared", "", ""]
    assert "both train_id.txt and test_id.txt, found bo;" in defects[2]
    assert "infrared pictures of every training and validation identity, found none of anna;" in defects[3]
    assert [dataset.names[i] for i in dataset.train.people.tolist()] == ["anna", "bo"]
    assert dataset.test.paths.tolist() == ["infrared/dee/1.jpg", "infrared/dee/2.jpg"]


def test_folders_without_people_are_named(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna",))
    shutil.rmtree(root / "visible" / "anna")
    with pytest.raises(DatasetError, match="visible: expected a folder for each person, found none"):
        scan_own_folder(root)
    write_lines(tmp_path / "file", [])
    with pytest.raises(DatasetError, match="file: expected a folder with visible and infrared"):
        scan_own_folder(tmp_path / "file")


def test_pictures_in_folders_within_a_persons_are_that_persons(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path / "own", people=("anna", "bo"), pictures=1)
    write_picture(root / "visible" / "anna" / "day2" / "noon" / "x.jpg", 1)
    write_picture(root / "visible" / "anna" / ".cache" / "x.jpg", 1)
    write_picture(tmp_path / "elsewhere" / "y.jpg", 1)
    (root / "visible" / "bo" / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "visible" / "bo" / "loop").symlink_to(root / "visible" / "bo")
    dataset = scan_own_folder(root)
    assert dataset.test.of(Modality.VISIBLE).paths.tolist() == [
        "visible/anna/1.jpg",
        "visible/anna/day2/noon/x.jpg",
        "visible/bo/1.jpg",
        "visible/bo/linked/y.jpg",
    ]
    assert dataset.test.of(Modality.VISIBLE).identities.tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("name", ["-1", "junk", "Junk"])
def test_junk_is_in_the_test_whatever_the_lists_say_and_changes_no_number(tmp_path: Path, name: str) -> None:
    root = write_own_folder(tmp_path, people=("0007", "12", "9", name), train=("12",), test=("7",))
    dataset = scan_own_folder(root)
    assert dataset.train.people.tolist() == [12]
    assert dataset.test.people.tolist() == [7]
    assert dataset.test.identities.tolist() == [-1] * 4 + [7] * 4
    assert JUNK not in dataset.names
    write_lines(root / "test_id.txt", ["7", name])
    assert scan_own_folder(root).test.identities.tolist() == [-1] * 4 + [7] * 4
    write_lines(root / "train_id.txt", [name])
    with pytest.raises(DatasetError, match=rf"train_id\.txt: expected people, found {name}, whose pictures"):
        scan_own_folder(root)


def test_junk_is_not_tested_where_nobody_is(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=("anna", "junk"), train=("anna",))
    assert len(scan_own_folder(root).test) == 0


def test_junk_alone_is_a_defect(tmp_path: Path) -> None:
    (defect, *_) = check(write_own_folder(tmp_path, people=("junk",))).defects
    assert "queries: expected pictures of people, found 2 of junk" in defect


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".gif", ".jfif", ".PGM"])
def test_every_raster_format_is_taken(tmp_path: Path, suffix: str) -> None:
    own = write_own_folder(tmp_path / "own")
    (picture,) = sorted((own / "visible").glob("*/*"))[:1]
    Image.open(picture).save(picture.with_suffix(suffix), {".jfif": "JPEG", ".PGM": "PPM"}.get(suffix))
    before = len(scan_own_folder(own).test)
    picture.with_suffix(suffix).unlink()
    assert len(scan_own_folder(own).test) == before - 1
