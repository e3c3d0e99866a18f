"""A place for the arrays: tried before anything is decoded, by check and by prepare, with the same words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import write_own_folder
from shell import SIZE, mvd, printed, refused

from mvd.data.layouts import scan
from mvd.data.prepared.array_writing import plan_arrays
from mvd.data.prepared.arrays import load_prepared, training_samples
from mvd.data.prepared.prepare import prepare_arrays

NEEDED = 12 * 32 * 16 * 3  # bytes: three people, two pictures in each of two modalities


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_own_folder(tmp_path / "data", train=("anna", "bo"), val=("cy",), test=("dee",))


def free(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    disk = SimpleNamespace(total=1 << 40, free=count)
    monkeypatch.setattr("mvd.data.prepared.array_writing.shutil.disk_usage", lambda _: disk)


def _closed(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    monkeypatch.setattr("mvd.data.prepared.array_writing.os.access", lambda path, mode: path not in (out, out.parent))


def _full(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    free(monkeypatch, NEEDED - 1)


def _folder_in_the_way(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    (out / "train_ir_resized_label.npy").mkdir(parents=True)


def _file_in_the_way(monkeypatch: pytest.MonkeyPatch, out: Path) -> None:
    out.touch()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            _closed,
            "out: expected a folder that arrays can be written to, found none (no permission, or a read-only disk)",
        ),
        (_full, "expected 0.02 MB of free space for the arrays, found 0.02 MB; make room, or choose another folder"),
        (_folder_in_the_way, "train_ir_resized_label.npy: expected to write a file, found a folder"),
        (_file_in_the_way, "Not a directory"),
    ],
)
def test_prepare_refuses_before_it_decodes_and_leaves_nothing(
    data: Path,
    tmp_path: Path,
    spoil: Callable[[pytest.MonkeyPatch, Path], None],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    spoil(monkeypatch, out)
    before = set(tmp_path.rglob("*"))
    assert message in refused(capsys, "prepare", data, "--out", out, *SIZE)
    assert set(tmp_path.rglob("*")) == before


def test_check_is_ready_for_another_folder_where_the_customary_one_will_not_do(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("check", data) == 0
    assert "--out" not in printed(capsys)
    free(monkeypatch, 1000)
    assert mvd("check", data) == 0
    output = printed(capsys)
    assert "expected 1.49 MB of free space for the arrays, found 0.00 MB" in output
    assert output.endswith(f"ready for: mvd prepare {data} --out FOLDER")
    monkeypatch.undo()
    _closed(monkeypatch, data / "x")
    assert mvd("check", data) == 0
    assert "no permission, or a read-only disk" in printed(capsys)


def test_what_an_interrupted_call_has_on_the_disk_is_not_needed_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, out = scan(data), tmp_path / "out"

    def stop(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_arrays(dataset, out, 32, 16, workers=1, progress=stop)
    arrays = plan_arrays(training_samples(dataset), out, 32, 16)
    assert [array.missing(continued=True) <= 0 for array in arrays] == [True, True]
    # Killed while files get their names: one array has it already.
    arrays[0].part.rename(arrays[0].file)
    assert arrays[0].missing(continued=True) == 0
    assert arrays[0].missing(continued=False) == NEEDED // 2
    shutil.copy(arrays[0].file, arrays[0].part)
    free(monkeypatch, 0)
    prepare_arrays(dataset, out, 32, 16, workers=1)
    load_prepared(dataset, out)
