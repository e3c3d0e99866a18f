"""Scanning RegDB's layout: identities of either half, ten trials, and every way in which the lists can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import collect, write_lines, write_regdb

from mvd.data.layouts.regdb import scan_regdb
from mvd.data.samples import Modality
from mvd.errors import DatasetError


def test_labels_become_identities_that_are_in_one_split_alone(tmp_path: Path) -> None:
    dataset = scan_regdb(write_regdb(tmp_path, people=6), 3)
    assert (dataset.name, dataset.trial, dataset.people_lists) == ("regdb", 3, "idx/train_visible_3.txt")
    assert dataset.train.people.tolist() == [1, 2, 3]
    assert dataset.test.people.tolist() == [4, 5, 6]
    assert len(dataset.validation) == 0
    # The third trial begins with person 4, who has label 0, and tests persons 1, 2 and 3.
    assert dataset.train.paths[:4].tolist() == [f"{f}/4/{n}.bmp" for f in ("Visible", "Thermal") for n in (1, 2)]
    assert dataset.test.paths[0] == "Visible/1/1.bmp"


def test_the_visible_camera_is_1_and_the_thermal_one_2(tmp_path: Path) -> None:
    dataset = scan_regdb(write_regdb(tmp_path))
    for table in (dataset.train, dataset.test):
        assert np.array_equal(table.cameras, np.where(table.modalities == Modality.VISIBLE, 1, 2))
        assert np.array_equal(table.cameras == 1, np.char.startswith(table.paths, "Visible/"))


def test_trials_differ(tmp_path: Path) -> None:
    root = write_regdb(tmp_path)
    assert scan_regdb(root, 1).train.paths.tolist() != scan_regdb(root, 2).train.paths.tolist()


def test_root_and_folders_may_have_awkward_names_and_lists_windows_separators(tmp_path: Path) -> None:
    root = write_regdb(tmp_path / "cam1 fünf", trials=(1,))
    (root / "Visible" / "2").rename(root / "Visible" / "zwei cam3 0007")
    lists = root / "idx" / "train_visible_1.txt", root / "idx" / "test_visible_1.txt"
    for file in lists:
        text = file.read_text().replace("Visible/2/", "Visible/zwei cam3 0007/").replace("/", "\\")
        file.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    dataset = scan_regdb(root)
    assert dataset.train.people.tolist() == [1, 2, 3]
    assert "Visible/zwei cam3 0007/1.bmp" in (*dataset.train.paths, *dataset.test.paths)


@pytest.mark.parametrize("trial", [0, 11, -1])
def test_a_trial_out_of_range_is_refused(tmp_path: Path, trial: int) -> None:
    with pytest.raises(DatasetError, match=rf"from 1 to 10, found {trial}"):
        scan_regdb(write_regdb(tmp_path), trial)


def test_a_missing_list_is_named_with_the_trials_that_are_there(tmp_path: Path) -> None:
    root = write_regdb(tmp_path, trials=(2, 5))
    with pytest.raises(
        DatasetError, match=r"lists of trial 1, found no idx/train_visible_1.*; those of trial 2, 5 are"
    ):
        scan_regdb(root, 1)
    (root / "idx" / "test_thermal_5.txt").unlink()
    with pytest.raises(DatasetError, match=r"found no idx/test_thermal_5\.txt; those of trial 2 are there; copy"):
        scan_regdb(root, 5)
    shutil.rmtree(root / "idx")
    with pytest.raises(DatasetError, match=r"idx/test_thermal_2\.txt; copy them from the data set"):
        scan_regdb(root, 2)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: expected a folder with Visible"):
        scan_regdb(tmp_path / "nowhere")


def test_one_scan_reports_every_defect_and_goes_on_without_what_is_wrong(tmp_path: Path) -> None:
    root = write_regdb(tmp_path, people=6, pictures=1)
    write_lines(
        root / "idx" / "train_visible_1.txt",
        ["Visible/2/1.bmp 0", "Visible/3/1.bmp 1", "Visible/4/1.bmp", "Visible/8/1.bmp 2", "Visible/2/1.bmp 2"],
    )
    write_lines(root / "idx" / "test_visible_1.txt", ["Visible/2/1.bmp 0", "Visible/6/1.bmp 1", "Visible/1/1.bmp 2"])
    (root / "idx" / "test_thermal_1.txt").unlink()
    dataset, defects = collect(lambda on_defect: scan_regdb(root, 1, on_defect))
    assert "found no idx/test_thermal_1.txt;" in defects.pop(0)
    assert [defect.removeprefix(f"{root / 'idx'}/").split(" ")[0] for defect in defects] == [
        "train_visible_1.txt:3:",  # a malformed line
        "train_visible_1.txt:",  # person 2 again
        "train_visible_1.txt:",  # person 8 is not there
        "test_visible_1.txt:",  # person 2 is in training
        "train_visible_1.txt:",  # nobody has label 2
    ]
    assert "none with label 2;" in defects[-1]
    assert dataset.train.of(Modality.VISIBLE).paths.tolist() == ["Visible/2/1.bmp", "Visible/3/1.bmp"]
    assert dataset.test.paths.tolist() == ["Visible/6/1.bmp", "Visible/1/1.bmp"]
    assert dataset.test.people.tolist() == [5, 6]  # training labels reach 2, in the thermal list
