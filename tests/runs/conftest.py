"""A run folder, and content for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mvd.config import RunConfig
from mvd.runs import RunData, RunFolder, create_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    data = RunData(root="/data", prepared="/data", dataset="sysu", identities=(3, 5))
    return create_run(tmp_path / "deep" / "run", RunConfig(seed=3), data, replace=False)
