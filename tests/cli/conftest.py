"""A tiny data set whose path needs care, and a run that was trained on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from shell import TINY, mvd, prepared_tree


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_tree(tmp_path_factory.mktemp("data with cam1 and spaces") / "dätä")


@pytest.fixture(scope="module")
def trained(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("train", people, "--out", run, *TINY) == 0
    return run
