"""TensorBoard: the sheet of a batch, and names of scalars. Whole runs are in tests/cli/training/test_watching.py."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mvd.errors import ConfigError
from mvd.reporting.tensorboard import TensorBoardWriter, batch_sheet, scalars
from mvd.runs.observer import SampleBatch


def test_a_sheet_has_a_row_per_person_visible_left_infrared_right() -> None:
    # Person 7: two visible pictures (red), one infrared (grey); person 3: one of each. 256 high, so scaled by a half.
    colours = {0: (255, 0, 0), 1: (90, 90, 90)}
    labels = [(7, 0), (7, 0), (7, 1), (3, 0), (3, 1)]
    pictures = np.stack([np.full((256, 100, 3), colours[modality], np.uint8) for _, modality in labels])
    identities, modalities = (np.array(column) for column in zip(*labels, strict=True))
    sheet = batch_sheet(SampleBatch(pictures, identities, modalities))
    assert sheet.size == (44 + 3 * 54 + 8, 2 * 132 + 4)
    seen = np.asarray(sheet)
    middle = 4 + 64
    assert [tuple(seen[middle, 44 + 25 + place * 54]) for place in range(2)] == [colours[0]] * 2
    assert tuple(seen[middle, 44 + 2 * 54 + 8 + 25]) == colours[1]
    second = middle + 132
    assert tuple(seen[second, 44 + 25]) == colours[0]
    assert tuple(seen[second, 44 + 54 + 25]) == (255, 255, 255)  # person 3 has no second visible picture
    assert tuple(seen[second, 44 + 2 * 54 + 8 + 25]) == colours[1]


def test_scalars_are_grouped_and_steps_are_none_of_them() -> None:
    log = {"step": 4, "epoch": 2, "losses": {"total": 1.5}, "lr": 0.1, "memory": {"resident": 3}}
    assert scalars(log) == {"losses/total": 1.5, "lr": 0.1, "memory/resident": 3, "epoch": 2}
    validation = {"step": 4, "epoch": 2, "validation": {"mAP": 0.5}, "best": True}
    assert scalars(validation) == {"validation/mAP": 0.5}


def test_a_missing_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(ConfigError, match=r"pip install 'mvd\[watch\]', or run without --tensorboard"):
        TensorBoardWriter(tmp_path)
