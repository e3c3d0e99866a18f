"""The sixteen scripts: one file whose names say what it does, and runs of each to its end."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from original.sixteen import (
    ROOT,
    SEARCHES,
    TARGETS,
    bash,
    copy_scripts,
    script,
    train_and_evaluate,
    write_resnet,
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the scripts need, in a folder with a space."""
    return copy_scripts(tmp_path / "my MVD").parent


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """Instead of Python: prints its arguments, one a line."""
    program = tmp_path / "print arguments"
    program.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, str, str]:
    """Arguments of a script that is called from `tmp_path`."""
    (tmp_path / "data set").mkdir()
    (tmp_path / "resnet50.ckpt").touch()
    return "data set", "resnet50.ckpt", "3"


def test_there_are_sixteen_names_of_one_file() -> None:
    expected = {script(task, *search, target) for task, search, target in product(("train", "eval"), SEARCHES, TARGETS)}
    links = {path.name: str(path.readlink()) for path in (ROOT / "scripts").iterdir() if path.is_symlink()}
    assert links == dict.fromkeys(expected, "by_name.sh")


@pytest.mark.parametrize(("dataset", "mode"), SEARCHES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("task", ["train", "eval"])
def test_a_name_says_what_is_started(
    checkout: Path, tmp_path: Path, echo: Path, given: tuple[str, ...], task: str, dataset: str, mode: str, target: str
) -> None:
    name = script(task, dataset, mode, target)
    done = bash(tmp_path, checkout / "scripts" / name, *given, "--lr", "1", python=echo)
    assert done.returncode == 0, done.stderr
    results = checkout / "scripts" / f"{task}_{dataset}_{mode}"
    where, program, *arguments = done.stdout.splitlines()
    assert (where, program) == (f"results: {results}", str(checkout / f"{task}.py"))
    assert (results / "log").read_text().splitlines() == [program, *arguments]
    *arguments, name_of_last, last = arguments
    assert (name_of_last, last) == ("--lr", "1")
    pairs = dict(zip(arguments[::2], arguments[1::2], strict=True))
    device_target, device = TARGETS[target]
    expected = {
        "--MSmode": "GRAPH_MODE",
        "--data_path": str(tmp_path / "data set"),
        "--device_target": device_target,
        device: "3",
    }
    expected |= (
        {"--dataset": "SYSU", "--sysu_mode": mode}
        if dataset == "sysu"
        else {
            "--dataset": "RegDB",
            "--regdb_mode": mode,
            "--trial": "1",
        }
    )
    checkpoint = str(tmp_path / "resnet50.ckpt")
    expected |= (
        {"--resume": checkpoint}
        if task == "eval"
        else {
            "--pretrain": checkpoint,
            "--tag": f"{dataset}_{mode}",
            "--optim": "adam",
            "--lr": "0.0035",
            "--loss_func": "id+tri",
            "--epoch": "80",
            "--print_per_step": "100" if dataset == "sysu" else "30",
        }
    )
    assert pairs == expected


def test_results_that_are_there_are_moved_aside(
    checkout: Path, tmp_path: Path, echo: Path, given: tuple[str, ...]
) -> None:
    for number in range(3):
        done = bash(tmp_path, checkout / "scripts" / "run_eval_sysu_all_gpu.sh", *given, python=echo)
        (checkout / "scripts" / "eval_sysu_all" / f"of call {number}").touch()
    assert f"older results: {checkout}/scripts/eval_sysu_all.2" in done.stdout
    found = sorted(str(file.relative_to(checkout / "scripts")) for file in checkout.glob("scripts/*/of*"))
    assert found == ["eval_sysu_all.1/of call 0", "eval_sysu_all.2/of call 1", "eval_sysu_all/of call 2"]


def test_a_script_may_be_reached_through_a_link(
    checkout: Path, tmp_path: Path, echo: Path, given: tuple[str, ...]
) -> None:
    link = tmp_path / "run_eval_sysu_all_gpu.sh"
    link.symlink_to(checkout / "scripts" / "run_eval_sysu_all_gpu.sh")
    assert bash(tmp_path, link, *given, python=echo).stdout.startswith(f"results: {checkout}/scripts/eval_sysu_all")


def test_the_exit_code_is_that_of_the_program(checkout: Path, tmp_path: Path, given: tuple[str, ...]) -> None:
    done = bash(tmp_path, checkout / "scripts" / "run_eval_sysu_all_gpu.sh", *given, "--device_target", "CPU")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("eval.py: ")
    assert "resnet50.ckpt: expected weights" in (checkout / "scripts" / "eval_sysu_all" / "log").read_text()


@pytest.mark.parametrize(
    ("name", "arguments", "code", "message"),
    [
        ("run_eval_sysu_all_gpu.sh", (), 2, "DATASET_PATH CHECKPOINT_PATH DEVICE_ID"),
        ("run_standalone_train_regdb_i2v_ascend.sh", ("data set", "resnet50.ckpt"), 2, "[ARGUMENT OF train.py ...]"),
        ("run_eval_sysu_all_gpu.sh", ("nowhere", "resnet50.ckpt", "0"), 1, "nowhere is not a directory"),
        ("run_eval_sysu_all_gpu.sh", ("data set", "nowhere", "0"), 1, "nowhere is not a file"),
        ("run_eval_sysu_all_gpu.sh", ("data set", "", "0"), 1, "CHECKPOINT_PATH= is not a file"),
        ("by_name.sh", ("data set", "resnet50.ckpt", "0"), 2, "expected to be called by one of its sixteen names"),
    ],
)
def test_what_is_wrong_is_one_line(
    checkout: Path,
    tmp_path: Path,
    given: tuple[str, ...],
    name: str,
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    done = bash(tmp_path, checkout / "scripts" / name, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not list(checkout.glob("scripts/eval_*"))


def test_a_program_without_the_package_says_what_to_install(tmp_path: Path) -> None:
    for program in ("train.py", "eval.py", "third_party/pre_process_sysu.py"):
        done = subprocess.run(
            [sys.executable, "-S", "-I", str(ROOT / program)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "expected the package mvd and what it needs, found no mvd; pip install" in done.stderr
        assert done.stderr.count("\n") == 1


def test_training_may_begin_without_weights(
    checkout: Path, tmp_path: Path, echo: Path, given: tuple[str, str, str]
) -> None:
    done = bash(tmp_path, checkout / "scripts" / "run_standalone_train_sysu_all_gpu.sh", given[0], "", "0", python=echo)
    assert "--pretrain\n\n--tag\n" in done.stdout


@pytest.fixture(scope="session")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_resnet(tmp_path_factory.mktemp("weights"))


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "mode"), SEARCHES)
@pytest.mark.parametrize("target", TARGETS)
def test_all_sixteen_run_to_their_end(
    checkout: Path, sysu: Path, regdb: Path, resnet: Path, dataset: str, mode: str, target: str
) -> None:
    data = {"sysu": sysu, "regdb": regdb}[dataset]
    lines = train_and_evaluate(checkout / "scripts", data, resnet, (dataset, mode, target), "--framework", "pytorch")
    assert lines[0].startswith("Framework: PyTorch ")
