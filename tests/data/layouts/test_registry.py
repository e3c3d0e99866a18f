"""Recognising a layout by the names in a folder, to the letter, and saying what was found where none fits."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from fakes import (
    collect,
    write_lines,
    write_llcm,
    write_own_folder,
    write_own_table,
    write_picture,
    write_regdb,
    write_tree,
)

from mvd.data.layouts import LAYOUTS, register, scan
from mvd.data.layouts.defects import OnDefect
from mvd.data.samples import Dataset, Modality, Row, Samples, from_rows
from mvd.errors import DatasetError


def _scan(data: Path, on_defect: OnDefect) -> Dataset:
    return scan(data, on_defect=on_defect)


def test_each_layout_is_recognised_and_scanned(tmp_path: Path) -> None:
    folders = {
        "sysu": write_tree(tmp_path / "a"),
        "regdb": write_regdb(tmp_path / "b"),
        "llcm": write_llcm(tmp_path / "c"),
        "own": write_own_folder(tmp_path / "d"),
    }
    assert {name: scan(folder).name for name, folder in folders.items()} == {name: name for name in folders}
    assert scan(write_own_table(tmp_path / "e" / "TABLE.CSV")).name == "own"


def test_an_exp_or_a_cam1_beside_other_data_does_not_make_it_sysu(tmp_path: Path) -> None:
    for name, write in (("regdb", write_regdb), ("llcm", write_llcm), ("own", write_own_folder)):
        for folder in ("exp", "cam1"):
            root = write(tmp_path / name / folder)
            (root / folder).mkdir()
            assert scan(root).name == name
    both = write_own_folder(write_tree(tmp_path / "both"))
    assert scan(both).name == "sysu"


def test_the_trial_is_regdbs(tmp_path: Path) -> None:
    assert scan(write_regdb(tmp_path / "b"), trial=7).trial == 7
    assert scan(write_tree(tmp_path / "a"), trial=7).trial is None


def test_the_root_may_be_called_anything(tmp_path: Path) -> None:
    root = write_regdb(tmp_path / "cam1" / "exp visible ünd", trials=(1,))
    assert scan(root).name == "regdb"


@pytest.mark.parametrize(
    ("folders", "missing"),
    [
        (("cam3",), "cam1: expected a camera folder"),
        (("exp",), "cam1: expected a camera folder"),
        (("Visible", "Thermal"), "expected the lists of trial 1, found no idx/train_visible_1"),
        (("idx", "Thermal"), "expected the lists of trial 1, found no idx/train_visible_1"),
        (("test_vis", "test_nir"), "cam1: expected a camera folder"),
        (("idx", "nir"), "cam1: expected a camera folder"),
        (("visible", "infrared"), "visible: expected a folder for each person"),
    ],
)
def test_a_part_is_enough_to_say_what_is_missing(tmp_path: Path, folders: tuple[str, ...], missing: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(DatasetError, match=missing):
        scan(tmp_path)


@pytest.mark.parametrize(
    "folders", [("VISIBLE", "thermal", "Idx"), ("Visible",), ("visible",), ("camera1",), ("Exp",), ()]
)
def test_where_no_layout_fits_to_the_letter_it_is_said_what_was_found(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(DatasetError) as caught:
        scan(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert f"found {', '.join(sorted(folders)) or 'an empty folder'}; check the path" in message
    for layout in ("SYSU-MM01", "RegDB", "LLCM", "visible, infrared", "CSV"):
        assert layout in message


def test_a_data_set_one_level_deeper_is_pointed_at(tmp_path: Path) -> None:
    root = write_regdb(tmp_path / "data" / "RegDB", trials=(1,))
    (tmp_path / "data" / "__MACOSX").mkdir()
    with pytest.raises(DatasetError, match=rf"found RegDB, __MACOSX; did you mean {root}\?$"):
        scan(tmp_path / "data")


def test_a_table_in_the_folder_is_pointed_at(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "samples.csv")
    with pytest.raises(DatasetError, match=rf"did you mean {table}\?$"):
        scan(tmp_path)


def test_what_is_no_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: expected a data set's folder or CSV table, found none"):
        scan(tmp_path / "nowhere")
    write_lines(tmp_path / "people.txt", [])
    with pytest.raises(DatasetError, match=r"people\.txt: expected .* found another file"):
        scan(tmp_path / "people.txt")


def test_defects_go_to_the_report_of_every_layout(tmp_path: Path) -> None:
    sysu, regdb, llcm = write_tree(tmp_path / "a"), write_regdb(tmp_path / "b"), write_llcm(tmp_path / "c")
    shutil.rmtree(sysu / "cam5")
    (regdb / "idx" / "test_visible_1.txt").unlink()
    (llcm / "idx" / "test_id.txt").unlink()
    own = write_own_folder(tmp_path / "d", test=("nobody",))
    table = write_own_table(tmp_path / "e" / "t.csv")
    (tmp_path / "e" / "pictures" / "anna gate 1.jpg").unlink()
    for data in (sysu, regdb, llcm, own, table):
        dataset, defects = collect(partial(_scan, data))
        assert len(defects) == 1
        assert dataset.name in {"sysu", "regdb", "llcm", "own"}


def test_what_the_system_refuses_is_an_error_of_the_data_set(tmp_path: Path) -> None:
    for data in ("x" * 300, f"{'x' * 300}.csv", "\udcd5.csv", "loop", "loop.csv"):
        if data.startswith("loop"):
            (tmp_path / data).symlink_to(data)
        with pytest.raises(DatasetError) as caught:
            scan(tmp_path / data)
        assert "expected" in str(caught.value)
        str(caught.value).encode()


def own_layout(path: Path) -> Dataset:
    """Scan a folder with files `PERSON-MODALITY.jpg`."""
    rows = [Row(file.name, int(file.stem[0]), 0, Modality(int(file.stem[2]))) for file in sorted(path.glob("*.jpg"))]
    return Dataset(
        name="own",
        root=path,
        train=from_rows([]),
        validation=from_rows([]),
        test=from_rows(rows),
        people_lists="nothing",
    )


def _one_picture(path: str, identity: int) -> Samples:
    return from_rows([Row(path, identity, 0, Modality.VISIBLE)])


def test_a_layout_of_ones_own_is_scanned_by_a_function_or_once_it_is_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1-0", "1-1", "2-0", "2-1"):
        write_picture(tmp_path / "pairs" / f"{name}.jpg", 1)
    assert len(scan(tmp_path / "pairs", layout=own_layout).test) == 4
    with pytest.raises(DatasetError, match=r"expected SYSU-MM01 .* or a CSV table, found 1-0\.jpg"):
        scan(tmp_path / "pairs")
    with pytest.raises(DatasetError, match=r"expected names in UTF-8, found a\\xd5\.jpg; rename it"):
        scan(tmp_path, layout=lambda path: replace(own_layout(path), test=_one_picture("a\udcd5.jpg", 1)))
    with pytest.raises(DatasetError, match="expected people in the train pictures, found junk"):
        scan(tmp_path, layout=lambda path: replace(own_layout(path), train=_one_picture("a.jpg", -1)))
    monkeypatch.setattr("mvd.data.layouts.LAYOUTS", LAYOUTS.copy())
    for _ in range(2):
        register("pairs", own_layout, lambda path: path.name == "pairs", "pairs (1-0.jpg)")
    assert scan(tmp_path / "pairs").test.people.tolist() == [1, 2]
    with pytest.raises(DatasetError, match=r"expected pairs \(1-0\.jpg\), SYSU-MM01 .* did you mean .*/pairs\?"):
        scan(tmp_path)
