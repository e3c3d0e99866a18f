"""pre_process_sysu.py: the arrays that the release trains on, in the data's own folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_regdb, write_tree
from original.programs import Program

from mvd.original.preprocessing import main


@pytest.mark.parametrize("flag", ["--data-path", "--data_path"])
def test_the_four_arrays_are_written_beside_the_pictures(
    tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_tree(tmp_path / "sysu", train=(1, 2), val=(3,), test=(4,), pictures=1)
    assert main([flag, str(root)]) == 0
    assert capsys.readouterr().out.startswith("train 2 people (8 visible + 4 infrared), ")
    assert np.load(root / "train_rgb_resized_img.npy").shape == (3 * 4, 288, 144, 3)
    assert np.load(root / "train_ir_resized_img.npy").shape == (3 * 2, 288, 144, 3)
    assert np.load(root / "train_ir_resized_label.npy").tolist() == [0, 0, 1, 1, 2, 2]
    assert len(np.load(root / "train_rgb_resized_label.npy")) == 12


def test_wrong_data_is_one_line(tmp_path: Path, refused: Program) -> None:
    message = refused(main, "--data-path", tmp_path / "nowhere")
    assert message.startswith("pre_process_sysu.py: ")
    assert "nowhere: expected a data set's folder" in message
    regdb = write_regdb(tmp_path / "regdb")
    message = refused(main, "--data-path", regdb)
    assert "regdb: expected the layout of SYSU-MM01, found that of regdb; train.py prepares RegDB itself" in message
    assert not list(regdb.rglob("*.npy"))


def test_a_wrong_command_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    line = "the following arguments are required: --data_path; see: python pre_process_sysu.py --help\n"
    assert capsys.readouterr().err == f"pre_process_sysu.py: {line}"
