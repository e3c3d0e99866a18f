"""Lists of people and of pictures: what is understood, and how everything else is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import write_lines, write_picture

from mvd.data.layouts.list_files import Listed, read_identities, read_labelled, read_names, require_same_labels
from mvd.errors import DatasetError


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


def test_a_missing_id_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train_id\.txt: expected an id file .* found none; copy it"):
        read_identities(tmp_path / "train_id.txt")


def test_what_an_id_file_holds_beside_junk_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "train_id.txt"
    file.write_text("3, x, 1, 3, 99999999999999999999")
    defects: list[str] = []
    assert read_identities(file, lambda defect: defects.append(str(defect))) == (1, 3)
    assert len(defects) == 2
    assert "found 'x', '99999999999999999999'" in defects[0]
    assert "found 3 more than once" in defects[1]


def test_names_stand_on_lines_or_between_commas_and_may_hold_anything(tmp_path: Path) -> None:
    file = tmp_path / "train_id.txt"
    file.write_text('\ufeffanna, bo smith\r\n\r\n"lee, cy",jürgen,\n', encoding="utf-8")
    assert read_names(file) == ("anna", "bo smith", "lee, cy", "jürgen")
    file.write_text("")
    assert read_names(file) == ()
    file.write_text("anna\nbo\nanna\n")
    with pytest.raises(DatasetError, match=r"train_id\.txt: .* found anna more than once"):
        read_names(file)


def test_a_list_of_people_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train_id.txt"
    file.write_text('"' + "x" * 200_000)
    with pytest.raises(DatasetError, match=r"train_id\.txt: expected a list of people, could not read it"):
        read_names(file)


def _pictures(root: Path, *paths: str) -> None:
    for seed, path in enumerate(paths):
        write_picture(root / path, seed)


def test_a_labelled_line_is_split_at_its_last_white_space_whatever_wrote_it(tmp_path: Path) -> None:
    _pictures(tmp_path, "Visible/1/a.bmp", "Visible/my people/b c.bmp", "Visible/3/c.bmp")
    (tmp_path / "list.txt").write_bytes(
        "\ufeffVisible/1/a.bmp 0\r\n\r\n.\\Visible\\my people\\b c.bmp\t12 \r\nVisible/3/c.bmp 2".encode()
    )
    assert read_labelled(tmp_path, "list.txt") == [
        Listed("Visible/1/a.bmp", 0, 1),
        Listed("Visible/my people/b c.bmp", 12, 3),
        Listed("Visible/3/c.bmp", 2, 4),
    ]


@pytest.mark.parametrize("line", ["Visible/1/a.bmp", "Visible/1/a.bmp -1", "Visible/1/a.bmp one", "7", "a.bmp 1.5"])
def test_a_malformed_line_is_named_by_its_number_and_quoted(tmp_path: Path, line: str) -> None:
    _pictures(tmp_path, "Visible/1/a.bmp")
    write_lines(tmp_path / "list.txt", ["Visible/1/a.bmp 0", "", line])
    with pytest.raises(DatasetError) as caught:
        read_labelled(tmp_path, "list.txt")
    assert str(caught.value).startswith(f"{tmp_path / 'list.txt'}:3: expected a path and a label")
    assert f"found {line!r}" in str(caught.value)


def test_every_defect_of_a_list_is_reported_and_the_good_lines_are_left(tmp_path: Path) -> None:
    _pictures(tmp_path, "v/a.bmp", "v/b.bmp")
    write_lines(
        tmp_path / "list.txt", ["v/a.bmp 0", "junk", "v/c.bmp 1", "v/a.bmp 1", "more junk", "v/b.bmp 1", "v/B.bmp 2"]
    )
    defects: list[str] = []
    lines = read_labelled(tmp_path, "list.txt", lambda defect: defects.append(str(defect)))
    assert [listed.path for listed in lines] == ["v/a.bmp", "v/b.bmp"]
    malformed, again, missing = defects
    assert "list.txt:2: " in malformed
    assert "and 1 more such line)" in malformed
    assert "found again v/a.bmp (line 4);" in again
    assert "found no v/c.bmp (line 3), v/B.bmp (line 7);" in missing


def test_a_list_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"list\.txt: expected a list of pictures .* found none"):
        read_labelled(tmp_path, "list.txt")
    (tmp_path / "list.txt").write_text("\n \n")
    with pytest.raises(DatasetError, match=r"list\.txt: expected pictures .* found an empty file"):
        read_labelled(tmp_path, "list.txt")


def test_labels_of_one_list_only_are_named_with_the_list_that_lacks_them(tmp_path: Path) -> None:
    lists = {"v.txt": [Listed("a", 0, 1), Listed("b", 1, 2)], "t.txt": [Listed("c", 1, 1), Listed("d", 5, 2)]}
    defects: list[str] = []
    require_same_labels(tmp_path, lists, lambda defect: defects.append(str(defect)))
    assert [defect.partition(":")[0] for defect in defects] == [str(tmp_path / "v.txt"), str(tmp_path / "t.txt")]
    assert "none with label 5;" in defects[0]
    assert "none with label 0;" in defects[1]
