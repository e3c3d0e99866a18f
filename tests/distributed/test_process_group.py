"""A step that two processes share is the step of one: losses, gradients and statistics, for every loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shell import SIZE, mvd

VARIANTS = 10


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "people"
    assert mvd("synth", root, "--train=5", "--validation=1", "--test=1", "--pictures=2", "--height=64") == 0
    assert mvd("prepare", root, *SIZE) == 0
    return root


def test_two_processes_take_the_step_of_one(data: Path) -> None:
    program = Path(__file__).with_name("two_processes.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launch, str(program), str(data)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports) == VARIANTS
    for report in reports:
        assert report["lacking"] == [], report
        assert report["worst"][0] < 1e-9, report
