"""Several processes that share a run, launched by torchrun: the same figures, one voice, and a common end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from shell import TINY, mvd

from mvd.runs import load_checkpoint, open_run
from mvd.runs.recovery import weights_alone

# No dropout, which draws in each process. SGD, since the gradient of a bias before a norm is rounding error alone, of
# which Adam would make whole steps. Few small steps, since a small network amplifies rounding. test_process_group.py
# compares in float64.
SHARED = (
    *TINY,
    "--data.height=64",
    "--data.width=32",
    "--sampling.identities=4",
    "--model.base-width=8",
    "--model.bottleneck-widths",
    "32",
    "32",
    "--model.z-dim=32",
    "--model.classifier-width=32",
    "--model.dropout=0",
    "--optimizer.kind=sgd",
    "--optimizer.lr=0.0001",
    "--sampling.steps-per-epoch=1",
    "--schedule.epochs=3",
    "--runtime.validate-every=2",
    "--runtime.embed-batch=3",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "people"
    people = ("--train", "4", "--validation", "4", "--test", "8", "--pictures", "2", "--height", "64")
    assert mvd("synth", root, *people) == 0
    assert mvd("prepare", root, "--height", "64", "--width", "32") == 0
    return root


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a single process."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    assert mvd("train", data, "--out", run, *SHARED) == 0
    return run


def launch(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "mvd"]
    # A shell that starts tests in the background lets them, and what they start, ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    finally:
        signal.signal(signal.SIGINT, before)


def launched(*arguments: str | Path) -> tuple[int, str, str]:
    with launch(*arguments) as process:
        out, errors = process.communicate(timeout=300)
    return process.returncode, out, errors


def said(errors: str) -> list[str]:
    """Give the lines that mvd wrote, among those of torchrun."""
    return [line for line in errors.splitlines() if "mvd: " in line]


def test_two_processes_end_where_one_does(data: Path, tmp_path: Path, alone: Path) -> None:
    run = tmp_path / "two"
    code, out, errors = launched("train", data, "--out", run, *SHARED)
    assert code == 0, errors
    assert out.count("best so far") >= 1
    assert out.count("trained, weights in") == 1  # one of them speaks
    for name in ("last", "best"):
        (expected, expected_meta), (found, meta) = (
            load_checkpoint(open_run(folder).checkpoint(name)) for folder in (alone, run)
        )
        assert (meta.step, meta.epoch) == (expected_meta.step, expected_meta.epoch)
        assert found.keys() == expected.keys()
        for key, values in weights_alone(expected).items():
            np.testing.assert_allclose(found[key], values, atol=1e-4, err_msg=key)
    records, expected_records = (open_run(folder).metrics() for folder in (run, alone))
    assert len(records) == len(expected_records)
    for one, other in zip(records, expected_records, strict=True):
        if "losses" in one:
            assert one["losses"] == pytest.approx(other["losses"], abs=1e-4)
            assert one["accuracy"] == pytest.approx(other["accuracy"])


@pytest.mark.slow
def test_two_processes_evaluate_to_the_same_figures(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Three pictures at a time, so that both have some; untrained, so that not every figure is 1.
    arguments = ("evaluate", alone, "--weights", "initial", "--format", "json")
    assert mvd(*arguments) == 0
    expected = capsys.readouterr().out
    code, out, errors = launched(*arguments)
    assert code == 0, errors
    assert json.loads(out) == json.loads(expected)
    assert json.loads(out)[0]["mean"]["mAP"] < 1


@pytest.mark.slow
def test_an_error_of_all_is_said_once(data: Path, tmp_path: Path) -> None:
    code, _, errors = launched("train", data, "--out", tmp_path / "run", *SHARED, "--sampling.identities=3")
    assert code == 1
    (line,) = said(errors)
    assert "sampling.identities: expected a multiple of 2, for 2 processes" in line
    # The only traceback is torchrun's own.
    assert errors.count("Traceback (most recent call last)") == errors.count("ChildFailedError: \n")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds a process by /proc")
def test_when_one_is_killed_the_other_says_so_and_ends(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with launch("train", data, "--out", run, *SHARED, "--schedule.epochs=1000") as process:
        wait_for(run / "checkpoints" / "last.safetensors", process)
        os.kill(children(process.pid)[1], signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    (line,) = said(errors)
    assert "expected all 2 processes of this run, found one gone (" in line
    assert "go on from the last checkpoint with --resume" in line
    assert mvd("runs", run, "--format", "json") == 0


def children(parent: int) -> list[int]:
    """List the processes of a launch, in the order in which they were started."""
    names = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [int(name) for name in names.split()]


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_stops_both_with_a_checkpoint_and_one_goes_on(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    endless = ("--schedule.epochs=1000", "--evaluate=none")
    with launch("train", data, "--out", run, *SHARED, *endless) as process:
        wait_for(run / "checkpoints" / "last.safetensors", process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    assert f"stopped; continue with: mvd train --resume {run}" in out
    step = load_checkpoint(open_run(run).checkpoint("last"))[1].step
    assert open_run(run).metrics()[-1]["step"] == step
