"""Scanning LLCM's layout: the order of its public code, identities of either list, and what can be wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import collect, write_lines, write_llcm

from mvd.data.layouts.llcm import scan_llcm
from mvd.data.samples import Modality
from mvd.errors import DatasetError

GOLDENS = Path(__file__).parents[2] / "goldens"


def test_test_pictures_have_the_identity_and_camera_of_their_folders(tmp_path: Path) -> None:
    dataset = scan_llcm(write_llcm(tmp_path / "cam1 über 0007", test=(17, 4)))
    assert (dataset.name, dataset.trial, dataset.people_lists) == ("llcm", None, "idx/train_vis.txt")
    assert dataset.test.people.tolist() == [4, 17]
    for modality, folder, cameras in ((Modality.VISIBLE, "test_vis", 9), (Modality.INFRARED, "test_nir", 8)):
        table = dataset.test.of(modality)
        assert len(table) == 2 * cameras * 2
        expected = [f"{folder}/cam{c}/{i:04d}" for i, c in zip(table.identities, table.cameras, strict=True)]
        assert [path.rpartition("/")[0] for path in table.paths.tolist()] == expected


def test_training_people_have_numbers_that_no_folder_has_and_no_camera(tmp_path: Path) -> None:
    dataset = scan_llcm(write_llcm(tmp_path, train=3))
    assert dataset.train.people.tolist() == [10_000, 10_001, 10_002]
    assert dataset.train.paths[:2].tolist() == ["nir/0001/0001.jpg", "nir/0001/0002.jpg"]
    assert len(dataset.train.of(Modality.VISIBLE)) == len(dataset.train.of(Modality.INFRARED)) == 6
    assert set(dataset.train.cameras.tolist()) == {0}
    assert len(dataset.validation) == 0


def test_test_pictures_of_each_modality_are_in_the_order_of_the_public_code(tmp_path: Path) -> None:
    root = write_llcm(tmp_path)
    for folder in ("test_vis", "test_nir"):
        shutil.rmtree(root / folder)
    with np.load(GOLDENS / "selection.npz") as golden:
        paths = golden["llcm_paths"]
        write_lines(root / "idx" / "test_id.txt", [str(golden["llcm_test_id_line"])])
        expected = {
            m: golden[f"llcm_{name}_query"] for m, name in ((Modality.INFRARED, "ir2vis"), (Modality.VISIBLE, "vis2ir"))
        }
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    test = scan_llcm(root).test
    for modality, rows in expected.items():
        assert test.of(modality).paths.tolist() == paths[rows].tolist()


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: expected a folder with vis"):
        scan_llcm(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda root: shutil.rmtree(root / "test_nir" / "cam9"), r"cam9: expected a camera folder"),
        (lambda root: (root / "idx" / "train_nir.txt").unlink(), r"train_nir\.txt: expected a list of pictures"),
        (lambda root: (root / "idx" / "test_id.txt").unlink(), r"test_id\.txt: expected an id file"),
        (
            lambda root: (root / "vis" / "0002" / "0001.jpg").unlink(),
            r"train_vis\.txt: .* no vis/0002/0001\.jpg \(line 3\)",
        ),
        (lambda root: write_lines(root / "idx" / "test_id.txt", ["4,99"]), r"test_id\.txt: .* found none of 99;"),
        (lambda root: write_lines(root / "idx" / "test_id.txt", ["4,10000"]), r"test_id\.txt: .* found 10000;"),
        (
            lambda root: write_lines(root / "idx" / "train_nir.txt", ["nir/0001/0001.jpg 0", "nir/0002/0001.jpg 1"]),
            r"train_nir\.txt: .* none with label 2;",
        ),
    ],
)
def test_every_defect_is_named(tmp_path: Path, harm: object, message: str) -> None:
    root = write_llcm(tmp_path)
    assert callable(harm)
    harm(root)
    with pytest.raises(DatasetError, match=message):
        scan_llcm(root)


def test_one_scan_reports_every_defect_and_goes_on_without_what_is_wrong(tmp_path: Path) -> None:
    root = write_llcm(tmp_path)
    shutil.rmtree(root / "test_vis" / "cam1")
    (root / "idx" / "train_nir.txt").unlink()
    write_lines(root / "idx" / "test_id.txt", ["4,99"])
    dataset, defects = collect(lambda on_defect: scan_llcm(root, on_defect))
    assert len(defects) == 3
    assert dataset.train.people.tolist() == [10_000, 10_001, 10_002]
    assert dataset.test.people.tolist() == [4]
