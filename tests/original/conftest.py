"""Tiny data, and the release's settings with a very small network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import write_regdb, write_tree
from original.programs import SMALL, Program, make_release_tiny

from mvd.commands.data.prepare import prepare
from mvd.original import training


@pytest.fixture(scope="session")
def sysu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_tree(tmp_path_factory.mktemp("data of cam1") / "sysu")
    prepare(root, height=32, width=16)
    return root


@pytest.fixture(scope="session")
def regdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_regdb(tmp_path_factory.mktemp("data") / "regdb")


@pytest.fixture(scope="session", autouse=True)
def tiny() -> Iterator[None]:
    """Make the release's network and pictures tiny; all that is given on command lines still counts."""
    with pytest.MonkeyPatch.context() as patch:
        make_release_tiny(patch, height=32, width=16)
        yield


@pytest.fixture(scope="session")
def trained(tiny: None, sysu: Path, regdb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders "sysu" and "regdb" in which train.py was started, on RegDB's third trial."""
    folder = tmp_path_factory.mktemp("trained")
    for name, arguments in (
        ("sysu", ["--data_path", str(sysu)]),
        ("regdb", ["--dataset", "RegDB", "--trial", "3", "--data_path", str(regdb)]),
    ):
        (folder / name).mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder / name)
            assert training.main([*arguments, *SMALL]) == 0
    return folder


@pytest.fixture
def after_training(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, in which train.py was started on SYSU-MM01."""
    folder = shutil.copytree(trained / "sysu", tmp_path / "after training")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def train(capsys: pytest.CaptureFixture[str]) -> Program:
    """train.py to its end; gives what it printed."""

    def run(data: Path, *arguments: str | Path, ends: int = 0) -> str:
        capsys.readouterr()
        assert training.main(["--data_path", str(data), *SMALL, *map(str, arguments)]) == ends
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Program:
    """A program that must fail; gives its one line."""

    def run(main: Callable[[list[str]], int], *arguments: str | Path) -> str:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 1
        errors = capsys.readouterr().err
        assert errors.count("\n") == 1, errors
        return errors

    return run
