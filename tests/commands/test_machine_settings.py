"""Device, precision, workers and batch belong to the machine: a run from a GPU is used on a CPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes import write_tree
from shell import SIZE, TINY, mvd, printed, refused

ELSEWHERE = {"device": "cuda:7", "precision": "tf32", "compile": True, "cuda_graphs": True, "workers": 3}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_tree(root / "data")
    assert mvd("prepare", root / "data", *SIZE) == 0
    # One encoder: exporting a network takes seconds for each.
    flags = ("--recipe", "baseline", "--evaluate", "none", *TINY)
    assert mvd("train", root / "data", "--out", root / "run", *flags) == 0
    return root / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A run that says that it was trained on another machine."""
    copied = shutil.copytree(trained, tmp_path / "run")
    _change(copied, **ELSEWHERE)
    return copied


def _change(run: Path, **runtime: Any) -> None:
    config = json.loads((run / "config.json").read_text())
    config["runtime"] |= runtime
    (run / "config.json").write_text(json.dumps(config))


def test_a_run_from_a_gpu_is_evaluated_on_a_cpu_with_a_note(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert mvd("evaluate", run) == 0
    errors = " ".join(capsys.readouterr().err.split())
    assert "runtime.device: auto; the run was trained with cuda:7" in errors
    assert "runtime.precision: auto; the run was trained with tf32" in errors
    assert mvd("evaluate", run, "--device", "cpu", "--precision", "fp32", "--workers", "1", "--batch", "5") == 0


def test_what_is_asked_for_and_missing_is_refused_in_the_words_of_the_verb(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "evaluate", run, "--device", "cuda:99")
    assert "device: expected a device of this machine, found 'cuda:99'" in message
    assert message.endswith("to use the CPU: --device cpu\n")
    assert "precision: expected fp32 or bf16 on cpu" in refused(
        capsys, "evaluate", run, "--device", "cpu", "--precision", "tf32"
    )
    assert "workers: expected 0 or more, found -1" in refused(capsys, "evaluate", run, "--workers", "-1")


def test_a_run_from_a_gpu_goes_on_on_a_cpu(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("train", "--resume", run, "--evaluate", "none") == 0
    assert "runtime.device: auto; the run was trained with cuda:7" in printed(capsys)
    assert mvd("train", "--resume", run, "--runtime.device", "cpu", "--runtime.workers", "1") == 0
    assert json.loads((run / "config.json").read_text())["runtime"]["device"] == "cuda:7"  # what it was started with
    assert "found seed; start a new run from its weights" in refused(capsys, "train", "--resume", run, "--seed", "1")


def test_a_run_of_the_same_machine_says_nothing(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert mvd("evaluate", trained) == 0
    assert "the run was trained with" not in capsys.readouterr().err


def test_a_run_from_a_gpu_is_exported(run: Path, tmp_path: Path) -> None:
    arguments = ("--measure", "some", "--workers", "1", "--batch", "4")
    assert mvd("export", run, "--out", tmp_path / "x.onnx", *arguments) == 0
