"""Run folders that somebody damaged: each has its row or its line, and none hides the others."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shell import mvd, refused

from mvd.commands.results.runs import list_runs
from mvd.config import RunConfig
from mvd.runs import RunData, create_run, running, write_state

DATA = RunData(root="/data", prepared="/data", dataset="sysu", identities=(1, 2))
STATE = {
    "state": "running", "steps": 4, "device": "cpu", "host": "h", "process": 1, "born": None, "began": 1.0
}  # fmt: skip
LOG = {"step": 1, "epoch": 1, "losses": {"total": 1.0}, "accuracy": 0.5, "lr": 1e-3, "pictures_per_second": 9.0}
DEEP = "[" * 100_000


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("good", "other"):
        path = create_run(tmp_path / name, RunConfig(), DATA, replace=False).path
        write_state(path, running("cpu"))
        (path / "metrics.jsonl").write_text(json.dumps(LOG) + "\n")
    return tmp_path


def _cases() -> Iterator[tuple[str, str]]:
    for name in ("config.json", "data.json", "state.json", "metrics.jsonl", "evaluation-best.json", "changes.json"):
        yield from ((name, text + "\n{}\n") for text in (DEEP, '{"a": 1e400}', "[]", "7", "null", "\udcff"))
    wrong: tuple[tuple[str, Any], ...]
    wrong = (("process", 10**24), ("process", -1), ("process", "1"), ("steps", 1.5), ("device", ["cpu"]),
             ("host", {}), ("state", "asleep"), ("began", "x"), ("reason", [1]))  # fmt: skip
    yield from (("state.json", json.dumps({**STATE, field: value})) for field, value in wrong)
    wrong = (("dataset", 5), ("identities", "ab"), ("trial", "1"), ("root", None), ("people", [1]))
    fields = {"root": "/", "prepared": "/", "dataset": "sysu", "identities": [1]}
    yield from (("data.json", json.dumps({**fields, field: value})) for field, value in wrong)
    wrong = (("step", "1"), ("step", None), ("epoch", 1.5), ("losses", [1]), ("losses", {"total": "x"}),
             ("accuracy", "x"), ("pictures_per_second", None), ("memory", {"resident": "x"}))  # fmt: skip
    yield from (("metrics.jsonl", json.dumps({**LOG, field: value}) + "\n") for field, value in wrong)
    wrong = (("", {}), ("", {"mAP": "x"}), ("", {"mAP": {}}), ("", 3))
    lines = (json.dumps({"step": 1, "epoch": 1, "validation": validation}) for _, validation in wrong)
    yield from (("metrics.jsonl", line + "\n") for line in lines)
    mean: dict[str, Any] = {"rank_1": 0.5, "mAP": 0.5, "mINP": 0.5}
    for results in (3, [3], [{"protocol": "p", "ranking": "cosine", "mean": {**mean, "mAP": "x"}}], [{"mean": mean}]):
        yield "evaluation-best.json", json.dumps({"own": True, "results": results})
    yield "config.json", '{"optimizer": {"lr": 1e400}}'
    yield "config.json", '{"seed": 99999999999999999999999}'


@pytest.mark.parametrize(("name", "text"), list(_cases()))
def test_a_damaged_run_has_its_row_and_hides_no_other(
    runs: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    (runs / "other" / name).write_text(text, errors="surrogateescape")
    good, other = list_runs([runs])
    assert (good.state, good.reason, good.best) == ("running", None, None)
    if other.state != "damaged":  # a line that ends the file may have been cut off
        assert name == "metrics.jsonl" or (name, text.strip()[:4]) == ("evaluation-best.json", "null")
    else:
        assert name in str(other.reason)
        assert "\n" not in str(other.reason)
    for layout in ("table", "json"):
        assert mvd("runs", runs, "--format", layout) == 0
    assert "good" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("name", ["config.json", "data.json", "state.json", "metrics.jsonl", "evaluation-best.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(runs: Path, name: str) -> None:
    (runs / "other" / name).unlink(missing_ok=True)
    os.mkfifo(runs / "other" / name)
    assert [run.state for run in list_runs([runs])] == ["running", "damaged"]


def test_folders_that_cannot_be_read_have_a_row(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = runs / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert mvd("runs", runs, runs / ("x" * 5000)) == 0
    text = "".join(capsys.readouterr().out.split())  # long names are folded
    assert "good" in text
    assert "closed:expectedafolderwithrunsinit,couldnotreadit(Permissiondenied)" in text
    assert "xxx:expectedafolderwithrunsinit,couldnotreadit(Filenametoolong)" in text


def test_show_of_what_cannot_be_looked_at_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "File name too long" in refused(capsys, "show", runs / ("x" * 5000))
    assert "or a run folder, found " in refused(capsys, "show", runs / "good")
    (runs / "other" / "config.json").write_text(DEEP)
    (runs / "other" / "checkpoints").mkdir()
    (runs / "other" / "checkpoints" / "best.safetensors").write_bytes(b"\0" * 9)
    assert "mvd: " in refused(capsys, "show", runs / "other")


@pytest.mark.parametrize("shape", ["(-1, 48, 24, 3)", "(-1,)", "(1, -2, 24, 3)", "(99999999999999, 48, 24, 3)"])
def test_an_array_of_an_impossible_shape_is_one_line(tmp_path: Path, shape: str) -> None:
    from mvd.data.prepared.arrays import _open_array
    from mvd.errors import DatasetError

    file = tmp_path / "a.npy"
    np.save(file, np.zeros((1, 48, 24, 3), np.uint8))
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = file.read_bytes()
    file.write_bytes(content[:8] + len(text).to_bytes(2, "little") + text.encode() + content[-48 * 24 * 3 :])
    for memory_map in (True, False):
        with pytest.raises(DatasetError, match="expected a NumPy array, could not read it"):
            _open_array(file, "prepare again", memory_map=memory_map)
