"""A step that two processes share is the step of one: losses, gradients and statistics, for every loss."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from shell import SIZE, mvd

FEW = ("all losses", "rank", "strips and swapped amplitudes", "a stem for each modality")
ALL = 12


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "people"
    assert mvd("synth", root, "--train=5", "--validation=1", "--test=1", "--pictures=2", "--height=64") == 0
    assert mvd("prepare", root, *SIZE) == 0
    return root


@pytest.mark.parametrize("names", [FEW, pytest.param((), marks=pytest.mark.slow, id="all")])
def test_two_processes_take_the_step_of_one(data: Path, names: tuple[str, ...]) -> None:
    """Started without torchrun, which would be a third process to import PyTorch; test_launch.py is about that."""
    command = [sys.executable, str(Path(__file__).with_name("two_processes.py")), str(data), "cpu", *names]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    processes = []
    for rank in ("0", "1"):
        env = {**os.environ, **meeting, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"}
        processes.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    (first, errors), (second, more) = (process.communicate(timeout=300) for process in processes)
    assert [process.returncode for process in processes] == [0, 0], errors + more
    assert not second  # the first of them speaks
    reports = [json.loads(line) for line in first.splitlines()]
    assert len(reports) == (len(names) or ALL)
    for report in reports:
        assert report["lacking"] == [], report
        assert report["worst"][0] < 1e-9, report
