"""A preparation that is finished decodes nothing again, unless a picture or an array is another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data.prepared.preparing import RECORD, assert_prepared, pictures, plain_loop, run, spoil_unnoticed
from fakes import write_picture

from mvd.data.samples import Dataset
from mvd.errors import DatasetError


def test_a_finished_job_decodes_nothing(dataset: Dataset, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(dataset, out)
    monkeypatch.setattr("mvd.data.prepared.prepare._Chunk.run", None)
    assert run(dataset, out) == [48]


def _replace_picture(dataset: Dataset, out: Path) -> None:
    write_picture(next(pictures(dataset)), 1000)


def _other_array(dataset: Dataset, out: Path) -> None:
    file = out / "train_ir_resized_img.npy"
    status = file.stat()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert file.stat().st_size == status.st_size


def _lose_labels(dataset: Dataset, out: Path) -> None:
    (out / "train_rgb_resized_label.npy").unlink()


def _spoil_record(dataset: Dataset, out: Path) -> None:
    (out / RECORD).write_bytes(b"[\xff")


@pytest.mark.parametrize("change", [_replace_picture, _other_array, _lose_labels, _spoil_record])
def test_what_changed_since_is_noticed(
    dataset: Dataset, out: Path, tmp_path: Path, change: Callable[[Dataset, Path], None]
) -> None:
    run(dataset, out)
    change(dataset, out)
    assert run(dataset, out)[0] == 0
    assert_prepared(out, plain_loop(dataset), tmp_path)


def test_other_settings_are_another_job(dataset: Dataset, out: Path, tmp_path: Path) -> None:
    run(dataset, out)
    assert run(dataset, out, (10, 24))[0] == 0
    assert_prepared(out, plain_loop(dataset, (10, 24)), tmp_path)
    assert run(dataset, out, (10, 24)) == [48]


def test_a_picture_that_was_replaced_with_its_size_and_date_is_noticed(dataset: Dataset, out: Path) -> None:
    run(dataset, out)
    spoil_unnoticed(list(pictures(dataset))[-1])  # of the test
    with pytest.raises(DatasetError):
        run(dataset, out)
