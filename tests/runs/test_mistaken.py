"""What is given where a run folder is expected: the error says what it is, and names the run that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from mvd.errors import CheckpointError, RunError
from mvd.runs import RunFolder, open_run
from mvd.weights import read_weights
from mvd.weights.hub import find_weights


def _refused(path: Path) -> str:
    with pytest.raises(RunError, match="expected a run folder with") as error:
        open_run(path)
    return str(error.value)


def test_the_error_says_what_is_there_instead_of_a_run(run: RunFolder, tmp_path: Path) -> None:
    file, empty = tmp_path / "night.jpg", tmp_path / "empty"
    file.write_bytes(b"")
    empty.mkdir()
    assert "found nothing there; check the path" in _refused(tmp_path / "nowhere")
    assert "found a file; name the folder that mvd train wrote" in _refused(file)
    assert "found an empty folder; name the folder" in _refused(empty)
    assert "found another folder; name the folder" in _refused(tmp_path)
    assert f"found a folder of runs; name one of them: {run.path}" in _refused(run.path.parent)


def test_a_file_of_a_run_leads_to_the_run(run: RunFolder) -> None:
    (run.path / "checkpoints").mkdir(exist_ok=True)
    (run.path / "checkpoints" / "best.safetensors").write_bytes(b"")
    for part in ("checkpoints", "checkpoints/best.safetensors"):
        assert f"found a part of the run {run.path}; name the run: {run.path}" in _refused(run.path / part)
    with pytest.raises(CheckpointError, match=r"found a folder; name its file: .*best\.safetensors"):
        read_weights(run.path)


def test_a_pushed_model_is_no_run_and_is_imported(run: RunFolder) -> None:
    (run.path / "data.json").unlink()
    assert open_run(run.path).path == run.path  # a run that lost a file is named as such when that is read
    (run.path / "model.safetensors").write_bytes(b"")
    assert f"mvd import {run.path / 'model.safetensors'} runs/NEW DATA" in _refused(run.path)


def test_a_model_says_what_is_there_too(run: RunFolder) -> None:
    with pytest.raises(CheckpointError, match=r"found a folder of runs; name one of them"):
        find_weights(run.path.parent)
