"""File names that are not UTF-8: every verb refuses them in one line, by their escaped bytes, before it writes."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from fakes import write_lines, write_llcm, write_own_folder, write_own_table, write_picture, write_regdb, write_tree
from shell import SIZE, TINY, mvd, printed, refused

from mvd.data.own.listing import list_pictures
from mvd.errors import DatasetError

GBK = os.fsdecode("照片".encode("gbk"))
LATIN = os.fsdecode("Zoé".encode("latin-1"))
write_split_folder = partial(write_own_folder, train=("anna", "bo"), test=("cy", "dee"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = write_split_folder(tmp_path_factory.mktemp("own"))
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("train", data, "--out", data / "run", "--evaluate=none", *TINY) == 0
    return data / "run"


@pytest.mark.parametrize("bad", ["picture", "person", "folder"])
def test_every_verb_refuses_them_and_writes_nothing(
    bad: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (write_own_folder if bad == "person" else write_split_folder)(tmp_path / "data")
    where = {"picture": f"cy/{GBK}.jpg", "person": f"{LATIN}/1.jpg", "folder": f"cy/{LATIN}/1.jpg"}[bad]
    write_picture(data / "visible" / where, 1)
    escaped = {"picture": r"\xd5\xd5Ƭ.jpg", "person": r"Zo\xe9", "folder": r"Zo\xe9"}[bad]
    before = set(tmp_path.rglob("*"))
    assert mvd("check", data) == 1
    assert f"expected names in UTF-8, found {escaped}; rename it" in printed(capsys)
    for words in (
        ("prepare", data, *SIZE),
        ("split", data),
        ("train", data, "--out", tmp_path / "run", *TINY),
        ("evaluate", run, "--data", data),
    ):
        assert f"expected names in UTF-8, found {escaped}; rename it" in refused(capsys, *words)
    assert set(tmp_path.rglob("*")) == before


def test_those_of_the_benchmarks_that_count_are_refused_and_others_are_not(tmp_path: Path) -> None:
    sysu, llcm, regdb = write_tree(tmp_path / "a"), write_llcm(tmp_path / "b"), write_regdb(tmp_path / "c")
    for folder in (sysu / "cam1" / "0001", llcm / "vis" / "0001", regdb / "Visible" / "1"):
        write_picture(folder / f"{GBK}.jpg", 1)
    (sysu / f"{GBK}.txt").touch()
    assert [mvd("check", data) for data in (sysu, llcm, regdb)] == [1, 0, 0]  # lists name the others' pictures


def test_lists_and_tables_in_other_encodings_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_own_folder(tmp_path / "own")
    table = write_own_table(tmp_path / "table.csv")
    (data / "train_id.txt").write_bytes("照片\n".encode("gbk"))
    table.write_bytes(table.read_bytes() + "a.jpg,Zoé,,rgb\n".encode("latin-1"))
    for verb in ("prepare", "split"):
        assert "train_id.txt: expected a list of people in plain text (UTF-8)" in refused(capsys, verb, data)
        assert "table.csv: expected a CSV table in UTF-8" in refused(capsys, verb, table)


def test_the_data_sets_own_name_is_refused_and_those_of_folders_above_it_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    above = tmp_path / LATIN
    data = write_own_folder(above / LATIN)
    write_lines(above / f"{LATIN}.csv", [])
    for verb in ("prepare", "split"):
        assert r"/Zo\xe9: expected names in UTF-8, found Zo\xe9; rename it" in refused(capsys, verb, data)
    assert r"expected names in UTF-8, found Zo\xe9.csv; rename it" in refused(capsys, "prepare", above / f"{LATIN}.csv")
    assert r"found Zo\xe9, Zo\xe9.csv (a file); check" in refused(capsys, "prepare", above.rename(tmp_path / "above"))
    (tmp_path / "above").rename(above)
    data = data.rename(above / "own")
    assert mvd("split", data) == 0
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("check", data) == 0


def test_pictures_to_embed_are_refused_by_their_escaped_path(tmp_path: Path) -> None:
    write_picture(tmp_path / "a" / f"{GBK}.jpg", 1)
    for source in (tmp_path, tmp_path / "a" / f"{GBK}.jpg", f"{tmp_path}/a/*"):
        with pytest.raises(DatasetError) as caught:
            list_pictures([source])
        assert str(caught.value) == rf"expected paths in UTF-8, found {tmp_path}/a/\xd5\xd5Ƭ.jpg; rename it"
    with pytest.raises(DatasetError, match="expected a folder that can be read, could not"):
        list_pictures([tmp_path / ("x" * 300)])
