"""A tiny data set, a copy of it to damage, and a run that was trained on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes import write_tree
from shell import SIZE, TINY, mvd


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_tree(tmp_path_factory.mktemp("data with cam1 and spaces") / "dätä")
    assert mvd("prepare", root, *SIZE) == 0
    return root


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A prepared tree that a test may damage."""
    return shutil.copytree(template, tmp_path / "data")


@pytest.fixture(scope="module")
def trained(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("train", template, "--out", run, *TINY) == 0
    return run
