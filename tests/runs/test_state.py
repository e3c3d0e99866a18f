"""The state of a run, by its folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mvd.errors import RunError
from mvd.runs import judge, read_state, running, write_state

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are asked for by signal 0")


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = replace(running("cpu", 30), state="failed", ended=1.5, reason="no space")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state


def test_a_run_whose_process_lives_is_running(tmp_path: Path) -> None:
    assert judge(tmp_path, running("cpu")) == "running"


def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert judge(tmp_path, replace(running("cpu"), process=gone.pid, born="1")) == "killed"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell when a process began")
def test_another_process_of_the_same_number_is_another_one(tmp_path: Path) -> None:
    assert judge(tmp_path, replace(running("cpu"), born="1")) == "killed"


@pytest.mark.parametrize(("silent_for", "expected"), [(60, "running"), (7200, "killed")])
def test_a_run_of_another_machine_is_judged_by_its_last_line(tmp_path: Path, silent_for: int, expected: str) -> None:
    lines = tmp_path / "metrics.jsonl"
    lines.touch()
    os.utime(lines, (time.time() - silent_for,) * 2)
    assert judge(tmp_path, replace(running("cpu"), host="elsewhere")) == expected


def test_a_run_that_says_nothing_is_unknown(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    assert judge(tmp_path, None) == "unknown"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"state": 3}', "\xff"])
def test_a_damaged_state_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(RunError, match=r"state\.json: expected the state of a run, found something else \("):
        read_state(tmp_path)
