"""A data set to prepare, and the folder of its arrays."""

from __future__ import annotations

from pathlib import Path

import pytest
from data.prepared.preparing import (
    different,
)
from fakes import write_tree

from mvd.data.layouts import scan
from mvd.data.samples import Dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """24 visible and 12 infrared training pictures, 12 test pictures."""
    return different(scan(write_tree(tmp_path / "data", train=(9, 2), val=(5,), test=(7,))))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "arrays"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of four pictures, few enough that a process is worth it for one."""
    monkeypatch.setattr("mvd.data.prepared.prepare._CHUNK_PICTURES", 4)
    monkeypatch.setattr("mvd.data.prepared.prepare._CHUNKS_PER_PROCESS", 1)
