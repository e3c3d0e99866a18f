"""Scanning own data in a CSV table: columns, synonyms, numbers for names, and what can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import collect, write_lines, write_own_table, write_picture

from mvd.data.layouts.own_table import scan_own_table
from mvd.data.samples import JUNK, Dataset, Modality
from mvd.errors import DatasetError


def _scan(folder: Path, *lines: str, files: tuple[str, ...] = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")) -> Dataset:
    for seed, file in enumerate(files):
        write_picture(folder / file, seed)
    write_lines(folder / "people.csv", lines)
    return scan_own_table(folder / "people.csv")


def test_without_a_split_column_everybody_is_a_test_person(tmp_path: Path) -> None:
    dataset = scan_own_table(write_own_table(tmp_path / "cam1 für uns" / "table.csv", people=("bo", "anna")))
    assert (dataset.name, dataset.trial, dataset.root) == ("own", None, tmp_path / "cam1 für uns")
    assert dataset.people_lists == "the column split of table.csv"
    assert dict(dataset.names) == {1: "anna", 2: "bo"}
    assert len(dataset.train) == len(dataset.validation) == 0
    assert dataset.test.paths[0] == "pictures/anna gate 1.jpg"
    assert dataset.test.identities.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert dataset.test.cameras.tolist() == [1, 1, 2, 2] * 2  # gate, hall
    assert dataset.test.modalities.tolist() == [0, 0, 1, 1] * 2


def test_a_split_column_deals_the_rows_and_an_empty_one_leaves_them_out(tmp_path: Path) -> None:
    splits = {"anna": "train", "bo": "Validation", "cy": "test", "dee": ""}
    dataset = scan_own_table(write_own_table(tmp_path / "table.csv", splits=splits))
    tables = (dataset.train, dataset.validation, dataset.test)
    assert [[dataset.names[i] for i in table.people.tolist()] for table in tables] == [["anna"], ["bo"], ["cy"]]


def test_columns_may_come_in_any_order_with_others_between_them(tmp_path: Path) -> None:
    dataset = _scan(tmp_path, "\ufeffnote, Modality,identity,PATH", "x, RGB , 7 ,a.jpg", "y,thermal,12,b.jpg")
    assert dataset.test.paths.tolist() == ["a.jpg", "b.jpg"]
    assert dataset.test.people.tolist() == [7, 12]
    assert dataset.test.cameras.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "modality"), [("visible", 0), ("rgb", 0), ("infrared", 1), ("IR", 1), ("nir", 1), ("thermal", 1)]
)
def test_modalities_have_their_common_names(tmp_path: Path, name: str, modality: int) -> None:
    assert _scan(tmp_path, "path,identity,modality", f"a.jpg,1,{name}").test.modalities.tolist() == [modality]


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_fields_are_separated_as_the_header_is(tmp_path: Path, separator: str) -> None:
    lines = ("", "path,identity,camera,modality", 'a.jpg,"lee; bo",gate,rgb', "b.jpg,anna,hall,ir")
    dataset = _scan(tmp_path, *(line.replace(",", separator) for line in lines))
    assert dict(dataset.names) == {1: "anna", 2: "lee; bo"}
    assert dataset.test.paths.tolist() == ["b.jpg", "a.jpg"]
    assert dataset.test.cameras.tolist() == [2, 1]


def test_junk_has_a_number_of_its_own_and_changes_no_other(tmp_path: Path) -> None:
    dataset = _scan(tmp_path, "path,identity,modality", "a.jpg,12,rgb", "b.jpg,-1,rgb", "c.jpg,0,ir", "d.jpg,JUNK,ir")
    by_path = dict(zip(dataset.test.paths.tolist(), dataset.test.identities.tolist(), strict=True))
    assert by_path == {"a.jpg": 12, "b.jpg": JUNK, "c.jpg": 0, "d.jpg": JUNK}
    assert dataset.test.people.tolist() == [0, 12]
    assert dict(dataset.names) == {12: "12", 0: "0"}


@pytest.mark.parametrize(
    ("cameras", "numbers"),
    [(("3", "", "12", "3"), [3, 0, 12, 3]), (("0", "2", "", "10"), [1, 3, 0, 2]), (("b", "a", "b", ""), [2, 1, 2, 0])],
)
def test_cameras_are_numbers_from_1_or_numbered_by_name(
    tmp_path: Path, cameras: tuple[str, ...], numbers: list[int]
) -> None:
    rows = [f"{name}.jpg,1,{camera},visible" for name, camera in zip("abcd", cameras, strict=True)]
    dataset = _scan(tmp_path, "path,identity,camera,modality", *rows)
    by_path = dict(zip(dataset.test.paths.tolist(), dataset.test.cameras.tolist(), strict=True))
    assert [by_path[f"{name}.jpg"] for name in "abcd"] == numbers


def test_paths_may_be_absolute_or_of_windows(tmp_path: Path) -> None:
    write_picture(tmp_path / "elsewhere" / "x.jpg", 1)
    data = tmp_path / "data"
    dataset = _scan(
        data,
        "path,identity,modality",
        f"{tmp_path}/elsewhere/x.jpg,1,visible",
        ".\\sub folder\\y.jpg,1,infrared",
        "../elsewhere/x.jpg,2,infrared",
        files=("sub folder/y.jpg",),
    )
    assert dataset.test.paths.tolist() == [f"{tmp_path}/elsewhere/x.jpg", "sub folder/y.jpg", "../elsewhere/x.jpg"]
    assert all((dataset.root / path).is_file() for path in dataset.test.paths.tolist())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "names each column once, .* found nothing; add path, identity, modality"),
        (("path|identity|modality", "a.jpg|1|rgb"), r"found path\|identity\|modality; add path"),
        (("path;identity;modality", "a.jpg,1,rgb"), ":2: expected 3 fields, .* found 1;"),
        (("path,identity,camera", "a.jpg,1,1"), "found path,identity,camera; add modality"),
        (("path,identity,modality,path", "a.jpg,1,rgb,b.jpg"), "found path,identity,modality,path; rename the other"),
        (("a.jpg,1,rgb",), "found a.jpg,1,rgb; add path"),
        (("path,identity,modality",), "expected a row for each picture, found none"),
        (("path,identity,modality", "a.jpg,1"), ":2: expected 3 fields, .* found 2;"),
        (("path,identity,modality", "a.jpg,1,rgb", "", "b.jpg,1,rgb,"), ":4: expected 3 fields, .* found 4;"),
        (("path,identity,modality", "a.jpg,1,x-ray"), r":2: expected a modality \(visible, .* found 'x-ray';"),
        (("path,identity,modality", "a.jpg, ,rgb"), ":2: expected a path, .* found no identity;"),
        (("path,identity,modality,split", "a.jpg,1,rgb,dev"), r":2: expected a split \(train, .* found 'dev';"),
        (("path,identity,modality", "a.jpg,1,rgb", "x.jpg,1,ir"), r"found no x\.jpg \(line 3\);"),
        (("path,identity,modality", "A.jpg,1,rgb"), r"found no A\.jpg \(line 2\);"),
        (
            ("path,identity,modality,split", "a.jpg,-1,rgb,train"),
            r":2: expected junk \(identity -1\) in the test alone",
        ),
        (("path,identity,modality", "a\0.jpg,1,rgb"), "(found no a|NUL)"),
        (("path,identity,modality", "a.jpg,1,rgb", "a.jpg,2,ir"), r"found again a\.jpg \(line 3\);"),
    ],
)
def test_every_defect_is_named_with_its_line(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(DatasetError, match=rf"people\.csv.*{message}"):
        _scan(tmp_path, *lines)


def test_a_table_that_is_none_is_named(tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00\xd8", b'path,identity,modality\n"a.jpg,1,rgb\n\x00'):
        (tmp_path / "people.csv").write_bytes(content)
        with pytest.raises(DatasetError, match=r"people\.csv"):
            scan_own_table(tmp_path / "people.csv")
    with pytest.raises(DatasetError, match=r"none\.csv: expected a CSV table"):
        scan_own_table(tmp_path / "none.csv")


def test_one_scan_reports_every_defect_and_goes_on_without_what_is_wrong(tmp_path: Path) -> None:
    for seed, name in enumerate("abcde"):
        write_picture(tmp_path / f"{name}.jpg", seed)
    write_lines(
        tmp_path / "people.csv",
        [
            "path,identity,modality,split",
            "a.jpg,anna,rgb,train",
            "b.jpg,anna,ir,test",
            "c.jpg,bo,ultraviolet,test",
            "d.jpg,bo,ir,test",
            "e.jpg,cy,ultraviolet,test",
            "a.jpg,cy,rgb,test",
            "z.jpg,cy,rgb,test",
        ],
    )
    dataset, defects = collect(lambda on_defect: scan_own_table(tmp_path / "people.csv", on_defect))
    bad, again, missing, shared, one_sided = defects
    assert "people.csv:4: expected a modality" in bad
    assert "(lines 4, 6)" in bad
    assert "a.jpg (line 7)" in again
    assert "z.jpg (line 8)" in missing
    assert "in more than one anna;" in shared
    assert "infrared pictures of every training" in one_sided
    assert dataset.train.paths.tolist() == ["a.jpg"]
    assert dataset.test.paths.tolist() == ["d.jpg"]
    assert dataset.test.modalities.tolist() == [Modality.INFRARED]
