"""What lies in a folder: names, hidden files, links, and folders that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fakes import write_lines

from mvd.data.layouts.folders import file_names, folder_names, missing_files, picture_names, picture_paths
from mvd.errors import DatasetError


def test_names_are_sorted_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.JPEG", ".c.jpg", "._b.jpg", "notes.txt", "jpg"):
        write_lines(tmp_path / name, [])
    for name in ("z", "y.jpg", ".hidden"):
        (tmp_path / name).mkdir()
    assert picture_names(tmp_path) == ["a.JPEG", "b.jpg"]
    assert file_names(tmp_path) == ["a.JPEG", "b.jpg", "jpg", "notes.txt"]
    assert folder_names(tmp_path) == ["y.jpg", "z"]


def test_what_is_missing_or_no_folder_holds_nothing(tmp_path: Path) -> None:
    write_lines(tmp_path / "file", [])
    assert folder_names(tmp_path / "nowhere") == picture_names(tmp_path / "file") == []


def test_links_count_and_those_that_lead_nowhere_are_left_to_whoever_opens_them(tmp_path: Path) -> None:
    write_lines(tmp_path / "data" / "a.jpg", [])
    links = tmp_path / "links"
    links.mkdir()
    for name, target in (("a.jpg", tmp_path / "data" / "a.jpg"), ("folder", tmp_path / "data"), ("b.jpg", "gone.jpg")):
        (links / name).symlink_to(target)
    (links / "loop.jpg").symlink_to("loop.jpg")
    assert picture_names(links) == ["a.jpg", "b.jpg", "loop.jpg"]
    assert folder_names(links) == ["folder"]


def test_missing_files_are_told_by_exact_name(tmp_path: Path) -> None:
    write_lines(tmp_path / "v 1" / "a.jpg", [])
    paths = ["v 1/a.jpg", "v 1/A.jpg", "v 2/a.jpg", "a.jpg", f"{tmp_path}/v 1/a.jpg", f"{tmp_path}/v 1/b.jpg"]
    assert missing_files(tmp_path, paths) == {"v 1/A.jpg", "v 2/a.jpg", "a.jpg", f"{tmp_path}/v 1/b.jpg"}


def test_a_zero_byte_in_a_list_is_a_missing_file(tmp_path: Path) -> None:
    assert missing_files(tmp_path, ["a\0/b.jpg"]) == {"a\0/b.jpg"}


def test_names_that_are_not_utf8_are_one_defect_of_their_folder_with_their_bytes_escaped(tmp_path: Path) -> None:
    for name in ("a.jpg", os.fsdecode("照片.jpg".encode("gbk")), os.fsdecode("é.JPG".encode("latin-1"))):
        write_lines(tmp_path / name, [])
    write_lines(tmp_path / os.fsdecode(b"\xff.txt"), [])  # passed over anyhow
    defects: list[str] = []
    assert picture_names(tmp_path, defects.append) == picture_paths(tmp_path, defects.append) == ["a.jpg"]
    assert defects == 2 * [rf"{tmp_path}: expected names in UTF-8, found \xd5\xd5Ƭ.jpg, \xe9.JPG; rename them"]


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DatasetError, match="loop: expected a folder that can be read, could not"):
        picture_names(tmp_path / "loop")
