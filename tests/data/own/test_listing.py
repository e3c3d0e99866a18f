"""Own pictures are listed from files, folders, patterns and tables, each once, with what is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_lines, write_picture

from mvd.data.own.listing import Listed, list_pictures, read_time
from mvd.data.samples import Modality
from mvd.errors import DatasetError


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, path in enumerate(
        ("night_ir/b.jpg", "night_ir/a.PNG", "day/deep/RGB/c.jpg", "day/d.jpg", "day/.e.jpg")
    ):
        write_picture(tmp_path / "photos" / path, number)
    write_lines(tmp_path / "photos" / "notes.txt", ["none"])
    monkeypatch.chdir(tmp_path)
    return Path("photos")


def paths(listed: list[Listed]) -> list[str]:
    return [one.path for one in listed]


def test_folders_are_listed_with_all_below_them_and_each_picture_once(photos: Path) -> None:
    found = list_pictures(["photos/day/d.jpg", photos, "photos/*/a.PNG", "./photos/night_ir/b.jpg"])
    assert paths(found) == [
        "photos/day/d.jpg", "photos/day/deep/RGB/c.jpg", "photos/night_ir/a.PNG", "photos/night_ir/b.jpg"
    ]  # fmt: skip
    told = [(one.modality, one.source) for one in found]
    assert told == [(None, ""), (Modality.VISIBLE, "folder"), *[(Modality.INFRARED, "folder")] * 2]


def test_patterns_fit_pictures_alone(photos: Path) -> None:
    assert paths(list_pictures(["photos/**/*.jpg"])) == [
        "photos/day/d.jpg", "photos/day/deep/RGB/c.jpg", "photos/night_ir/b.jpg"
    ]  # fmt: skip
    assert paths(list_pictures(["photos/*"])) == paths(list_pictures([photos]))


def test_the_callers_modality_comes_before_the_tables_and_the_tables_before_the_folders(photos: Path) -> None:
    table = photos / "list.csv"
    rows = ["night_ir/a.PNG,rgb", "night_ir/b.jpg,"]
    write_lines(table, ["Path,modality", *rows])
    assert [(one.modality, one.source) for one in list_pictures([table])] == [
        (Modality.VISIBLE, "column"), (Modality.INFRARED, "folder")
    ]  # fmt: skip
    flagged = list_pictures([table], Modality.INFRARED)
    assert {(one.modality, one.source) for one in flagged} == {(Modality.INFRARED, "flag")}


def test_a_table_tells_camera_time_identity_and_tags(photos: Path) -> None:
    table = photos / "list.csv"
    write_lines(table, ["time,path,tags,camera,identity", "2024-03-01T23:10:05+01:00,day/d.jpg,coat; bag;,gate,anna"])
    (one,) = list_pictures([table])
    assert one == Listed(
        "photos/day/d.jpg", None, "", "gate", np.datetime64("2024-03-01T22:10:05", "us"), "anna", ("coat", "bag")
    )


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("a.jpg,blue,", r"list\.csv:3: expected a modality \(visible, vis, .*'blue'; correct the row"),
        ("a.jpg,,yesterday", r"list\.csv:3: expected a time such as 2024-03-01T23:10:05, found 'yesterday'"),
        (",ir,", r"list\.csv:3: expected a path, found none"),
        ("a.jpg,", r"list\.csv:3: expected 3 fields, as in the header, found 2"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, named: str) -> None:
    write_lines(tmp_path / "list.csv", ["path,modality,time", "b.jpg,ir,2024-01-01", row])
    with pytest.raises(DatasetError, match=named):
        list_pictures([tmp_path / "list.csv"])


def test_what_is_not_there_or_has_no_pictures_is_one_line(photos: Path) -> None:
    (photos / "empty").mkdir()
    write_lines(photos / "none.csv", ["path"])
    write_lines(photos / "other.csv", ["file", "a.jpg"])
    for source, named in (
        ("photos/empty", "expected pictures in it or below it"),
        ("photos/none.csv", "expected a row for each picture"),
        ("photos/other.csv", "add path"),
        ("photos/*.gif", "expected a pattern that fits pictures, found none"),
        ("nowhere", "expected a file, a folder, a pattern or a CSV table, found none"),
        ("https://a/b.jpg", "expected a file, a folder, a pattern or a CSV table, found none"),
    ):
        with pytest.raises(DatasetError, match=named) as caught:
            list_pictures([source])
        assert str(caught.value).startswith(source)
        assert "\n" not in str(caught.value)
    with pytest.raises(DatasetError, match="expected pictures, found none given"):
        list_pictures([])


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-01T23:10:05Z", "2024-03-01T23:10:05"),
        ("2024-03-01", "2024-03-01T00:00"),
        ("2024-03-01 05:00-02:00", "2024-03-01T07:00"),
    ],
)
def test_times_are_utc(text: str, utc: str) -> None:
    assert read_time(text) == np.datetime64(utc, "us")
