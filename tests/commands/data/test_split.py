"""`mvd split` as a function: lists beside folders, a table beside a table, and nothing overwritten."""

from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path

import pytest
from fakes import write_own_folder, write_own_table, write_tree

from mvd.commands.data.prepare import prepare
from mvd.commands.data.split import split
from mvd.data.layouts import scan
from mvd.errors import BusyError, ConfigError, DatasetError
from mvd.files.locks import folder_locked, name_locked
from mvd.results.datasets import SplitResult

PEOPLE = ("anna", "lee, bo", "cy", "0017", 'the "dee"', "eve")


def _names(data: Path) -> list[list[str]]:
    dataset = scan(data)
    return [[dataset.names[i] for i in t.people.tolist()] for t in (dataset.train, dataset.validation, dataset.test)]


def test_a_folder_gets_lists_that_its_scan_reads(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path, people=PEOPLE)
    shutil.rmtree(root / "visible" / "cy")
    assert split(root, train=0.4, validation=0.2) == SplitResult(data=root, train=2, validation=1, test=2, left_out=1)
    assert sorted(path.name for path in root.iterdir() if path.is_file()) == [
        "test_id.txt",
        "train_id.txt",
        "val_id.txt",
    ]
    parts = _names(root)
    assert [len(part) for part in parts] == [2, 1, 2]
    assert sorted(chain(*parts)) == sorted(set(PEOPLE) - {"cy"})


def test_preparing_without_lists_leads_to_split(tmp_path: Path) -> None:
    root, table = write_own_folder(tmp_path / "folder", people=PEOPLE), write_own_table(tmp_path / "people.csv")
    for data in (root, table):
        with pytest.raises(DatasetError, match=rf"choose them at random: mvd split {data}$"):
            prepare(data)


def test_a_table_stays_and_a_new_one_with_all_its_columns_comes_beside_it(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "people.csv", people=("anna", "bo", "cy", "dee"))
    before = table.read_text()
    dealt = split(table, train=0.5, validation=0.25)
    assert dealt == SplitResult(data=tmp_path / "people-split.csv", train=2, validation=1, test=1, left_out=0)
    assert table.read_text() == before
    lines = dealt.data.read_text().splitlines()
    assert [line.rpartition(",")[0] for line in lines] == before.splitlines()
    assert lines[0].endswith(",split")
    parts = _names(dealt.data)
    assert sorted(chain(*parts)) == ["anna", "bo", "cy", "dee"]


def test_whoever_is_seen_in_one_modality_only_stays_in_the_table_without_a_split(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "people.csv", people=("anna", "bo", "cy"))
    table.write_text("\n".join(line for line in table.read_text().splitlines() if "cy hall" not in line))
    dealt = split(table, validation=0)
    assert (dealt.train, dealt.validation, dealt.test, dealt.left_out) == (1, 0, 1, 1)
    assert [line for line in dealt.data.read_text().splitlines() if line.endswith("visible,")] == [
        "pictures/cy gate 1.jpg,cy,gate,visible,",
        "pictures/cy gate 2.jpg,cy,gate,visible,",
    ]


def test_a_list_of_nobody_is_not_written(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path)
    split(root, train=1, validation=0)
    assert [path.name for path in root.glob("*_id.txt")] == ["train_id.txt"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    root = write_own_folder(tmp_path / "folder", val=("anna",))
    with pytest.raises(DatasetError, match=r"val_id\.txt: expected no lists of people yet"):
        split(root)
    table = write_own_table(tmp_path / "people.csv")
    (tmp_path / "people-split.csv").write_text("mine")
    with pytest.raises(DatasetError, match=r"people-split\.csv: expected to write a new file"):
        split(table)
    assert (tmp_path / "people-split.csv").read_text() == "mine"
    dealt = write_own_table(tmp_path / "dealt.csv", splits=dict.fromkeys(("anna", "bo", "cy", "dee"), "test"))
    with pytest.raises(DatasetError, match=r"dealt\.csv: expected a table without the column split"):
        split(dealt)


def test_other_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected own data, found sysu"):
        split(write_tree(tmp_path / "sysu"))
    lonely = write_own_folder(tmp_path / "own", people=("anna", "bo"))
    shutil.rmtree(lonely / "visible" / "anna")
    shutil.rmtree(lonely / "infrared" / "bo")
    with pytest.raises(DatasetError, match="expected people seen in both modalities, found none"):
        split(lonely)
    with pytest.raises(ConfigError, match="expected shares"):
        split(write_own_folder(tmp_path / "other"), train=0.9, validation=0.2)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_own_folder(tmp_path)
    written: list[Path] = []

    def fail_at_the_second(file: Path, text: str) -> None:
        if written:
            raise OSError(28, "No space left on device")
        file.write_text(text)
        written.append(file)

    monkeypatch.setattr("mvd.commands.data.split.write_atomically", fail_at_the_second)
    with pytest.raises(DatasetError, match=r"could not \(No space left on device\)"):
        split(root, validation=0.25)
    assert written
    assert not list(root.glob("*_id.txt"))
    assert not list(root.glob(".*"))


def test_a_split_killed_between_its_lists_is_no_split_and_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_own_folder(tmp_path)

    def killed_at_the_second(file: Path, text: str) -> None:
        if list(root.glob("*_id.txt")):
            raise KeyboardInterrupt
        file.write_text(text)

    with monkeypatch.context() as patch:
        patch.setattr("mvd.commands.data.split.write_atomically", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            split(root, validation=0.25)
    assert len(list(root.glob("*_id.txt"))) == 1
    with pytest.raises(DatasetError, match="expected a whole split, found one that was interrupted"):
        scan(root)
    assert split(root, validation=0.25).train == 2
    assert not list(root.glob(".*"))


def test_two_splits_of_one_folder_have_one_winner(tmp_path: Path) -> None:
    root, table = write_own_folder(tmp_path / "own"), write_own_table(tmp_path / "people.csv")
    with folder_locked(root), pytest.raises(BusyError):
        split(root)
    with name_locked(tmp_path / "people-split.csv"), pytest.raises(BusyError):
        split(table)
    assert not list(tmp_path.rglob("*split*"))
    assert not list(root.glob("*_id.txt"))


def test_junk_is_in_no_share_and_stays_in_the_test(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "people.csv", people=("0003", "12", "5", "-1"))
    dealt = split(table, train=0.34, validation=0.33)
    assert dealt == SplitResult(data=tmp_path / "people-split.csv", train=1, validation=1, test=1, left_out=0)
    dataset = scan(dealt.data)
    assert sorted([*dataset.train.people, *dataset.validation.people, *dataset.test.people]) == [3, 5, 12]
    assert (dataset.test.identities == -1).sum() == 4
    folder = write_own_folder(tmp_path / "folder", people=("anna", "bo", "junk"))
    assert split(folder, validation=0).left_out == 0
    assert not any("junk" in file.read_text() for file in folder.glob("*_id.txt"))
    assert (scan(folder).test.identities == -1).sum() == 4


def test_a_table_with_semicolons_becomes_one_with_commas(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "people.csv")
    table.write_text(table.read_text().replace(",", ";"))
    assert split(table, validation=0).data.read_text().startswith("path,identity,camera,modality,split\n")
