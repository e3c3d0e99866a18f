"""A file in the place of a folder, or the other way round, is named as what it is, before anything is computed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes import write_llcm, write_own_folder, write_regdb, write_tree
from shell import SIZE, TINY, mvd, printed, refused


def _replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


def test_in_every_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, sysu = write_own_folder(tmp_path / "own"), write_tree(tmp_path / "sysu")
    regdb, llcm = write_regdb(tmp_path / "regdb", trials=[1]), write_llcm(tmp_path / "llcm")
    for folder, told in (
        (own / "visible", "found infrared, visible (a file); check the path and the spelling of the folders"),
        (
            sysu / "cam1",
            "sysu/cam1: expected a camera folder (cam1 … cam6 and exp, the layout of SYSU-MM01), found a file",
        ),
        (
            sysu / "exp",
            "exp/train_id.txt: expected an id file in plain text (UTF-8), could not read it (Not a directory)",
        ),
        (regdb / "idx", "regdb: expected the lists of trial 1, found no idx/train_visible_1.txt"),
        (
            llcm / "test_vis" / "cam1",
            "test_vis/cam1: expected a camera folder (vis, nir, test_vis, test_nir and idx, the",
        ),
    ):
        _replace(folder)
        data = next(one for one in (own, sysu, regdb, llcm) if folder.is_relative_to(one))
        capsys.readouterr()
        assert mvd("check", data) == 1
        assert told.replace(" ", "") in printed(capsys).replace(" ", "")
        assert refused(capsys, "prepare", data, *SIZE)


def test_a_list_that_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = write_own_folder(tmp_path / "own")
    (own / "train_id.txt").mkdir()
    assert "could not read it (Is a directory)" in refused(capsys, "prepare", own)
    (tmp_path / "people.csv").mkdir()
    assert "people.csv: expected " in refused(capsys, "prepare", tmp_path / "people.csv")


def test_weights_and_galleries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, file = write_own_folder(tmp_path / "own"), tmp_path / "file"
    file.touch()
    assert "found a folder; check the path" in refused(capsys, "convert", own, tmp_path / "a.pth", "--to", "pytorch")
    assert f"{file}: expected a gallery, found a file" in refused(capsys, "gallery", "stats", file)
    for where in (file, file / "gallery"):
        told = refused(capsys, "gallery", "add", where, own, "--model", "rendered")
        assert f"{where}: expected a place for a gallery, could not write there (it is no folder)" in told


def test_places_are_tried_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = write_tree(tmp_path / "data"), tmp_path / "file"
    file.touch()
    assert mvd("prepare", data, *SIZE) == 0
    assert mvd("train", data, "--out", tmp_path / "run", "--evaluate=none", *TINY) == 0
    (tmp_path / "run" / "calibration.json").mkdir()
    for work in (
        "mvd.commands.results.report.explain",
        "mvd.commands.weights.export.comparison_pictures",
        "mvd.commands.pictures.calibrate.open_whole",
        "mvd.commands.data.synth.write_dataset",
    ):
        monkeypatch.delattr(work)
    for words in (
        ("report", tmp_path / "run", "--out", file / "a.html"),
        ("report", tmp_path / "run", "--figures", file / "figures"),
        ("export", tmp_path / "run", "--out", file / "a.onnx"),
        ("calibrate", tmp_path / "run", data),
        ("synth", tmp_path / "people", "--sheet", file / "sheet.png"),
        ("synth", tmp_path / "people", "--sheet", tmp_path / "sheet.txt"),
    ):
        assert "could not" in refused(capsys, *words)
