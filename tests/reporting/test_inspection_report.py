"""An inspection as it is printed at 80 columns, without colour."""

from __future__ import annotations

import io
import shutil
from contextlib import redirect_stdout
from pathlib import Path

from fakes import write_lines, write_llcm, write_own_folder, write_picture, write_regdb, write_tree
from rich.console import Console

from mvd.commands.data.check import check
from mvd.data.checking.check import Inspection
from mvd.reporting.inspection import inspection_report
from mvd.reporting.terminal.output import open_console


def _print(inspection: Inspection) -> str:
    text = io.StringIO()
    Console(file=text, width=80, color_system=None).print(inspection_report(inspection))
    return text.getvalue()


def _row(printed: str, label: str) -> list[str]:
    return next(line.split() for line in printed.splitlines() if line.strip().startswith(label))


def test_tables_hold_the_counts_and_the_last_line_says_what_is_next(tmp_path: Path) -> None:
    printed = _print(check(write_tree(tmp_path / "people")))
    assert "people: SYSU-MM01" in " ".join(printed.split())
    assert _row(printed, "people") == ["people", "visible", "infrared", "cameras"]
    assert _row(printed, "train") == ["train", "3", "24", "12", "1–6"]
    assert _row(printed, "validation") == ["validation", "2", "16", "8", "1–6"]
    assert _row(printed, "3") == ["3", "infrared", "8", "16"]
    assert "smallest 32×16, median 32×16, largest 32×16" in printed
    assert "Worth knowing\n 1. " in printed
    assert "\n 3. 32 of 32 infrared pictures have colour" in printed
    assert "".join(printed.split("ready for: ")[1].split()) == f"mvdprepare{tmp_path}/people"


def test_the_trial_and_a_name_with_spaces_are_part_of_what_is_next(tmp_path: Path) -> None:
    printed = _print(check(write_regdb(tmp_path / "reg db"), trial=3))
    assert "RegDB, trial 3" in " ".join(printed.split())
    assert "".join(printed.split("ready for: ")[1].split()) == f"mvdprepare'{tmp_path}/regdb'--trial3"


def test_without_training_people_the_report_says_how_to_split(tmp_path: Path) -> None:
    printed = "".join(_print(check(write_own_folder(tmp_path))).split())
    assert f"mvdsplit{tmp_path}readyfor:mvdevaluateRUN--data{tmp_path}" in printed


def test_cameras_are_ranges_or_not_known(tmp_path: Path) -> None:
    root = write_llcm(tmp_path)
    shutil.rmtree(root / "test_vis" / "cam3" / "0004")
    shutil.rmtree(root / "test_vis" / "cam3" / "0017")
    printed = _print(check(root))
    assert _row(printed, "train") == ["train", "3", "6", "6", "not", "known"]
    assert _row(printed, "test") == ["test", "2", "32", "32", "1–2,", "4–9"]


def test_pictures_of_unknown_cameras_stand_beside_those_of_known_ones(tmp_path: Path) -> None:
    for seed, name in enumerate("abc"):
        write_picture(tmp_path / f"{name}.jpg", seed)
    lines = ["path,identity,camera,modality", "a.jpg,1,,visible", "b.jpg,1,1,visible", "c.jpg,1,2,infrared"]
    write_lines(tmp_path / "t.csv", lines)
    assert _row(_print(check(tmp_path / "t.csv")), "test") == ["test", "1", "2", "1", "not", "known,", "1–2"]


def test_defects_are_numbered_in_full_and_counted_in_the_last_line(tmp_path: Path) -> None:
    root = write_tree(tmp_path / ("a-long-folder-name-" * 5))
    shutil.rmtree(root / "cam2")
    (root / "cam1" / "0001" / "0001.jpg").write_bytes(b"")
    inspection = check(root)
    printed = _print(inspection)
    assert max(map(len, printed.splitlines())) <= 80
    assert printed.splitlines()[-1].strip() == "2 defects"
    for number, defect in enumerate(inspection.defects, start=1):
        assert f"{number}.{''.join(defect.split())}" in "".join(printed.split())


def test_a_data_set_that_cannot_be_scanned_is_its_one_defect(tmp_path: Path) -> None:
    lines = _print(check(tmp_path / "nowhere")).splitlines()
    assert lines[0] == "Defects"
    assert lines[-1].strip() == "1 defect"


def test_a_line_with_control_characters_is_not_cut_off(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        write_picture(tmp_path / f"{name}.jpg", seed)
    name = "c" * 60 + "\x1b" * 4 + " and more.jpg"
    write_lines(tmp_path / "t.csv", ["path,identity,modality", "a.jpg,1,visible", f"{name},1,infrared"])
    text = io.StringIO()
    with redirect_stdout(text):
        console = open_console()
        console.width = 80
        console.print(inspection_report(check(tmp_path / "t.csv")), soft_wrap=True)
    shown = "".join(text.getvalue().split())
    assert "c" * 60 + r"\x1b" * 4 + "andmore.jpg(line3)" in shown
