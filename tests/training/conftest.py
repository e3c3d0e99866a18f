"""Tiny data, and a reference run on it for many tests."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from tiny_training import Watcher, fit, new_run, training_data

from mvd.data.training import TrainingData
from mvd.runs import RunFolder


class Whole(NamedTuple):
    """A run of `tiny_training.CONFIG` from its start to its end, to be read only, and what watched it."""

    run: RunFolder
    watcher: Watcher


@pytest.fixture(scope="session")
def data() -> TrainingData:
    return training_data()


@pytest.fixture(scope="session")
def whole(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    run = new_run(tmp_path_factory.mktemp("training") / "whole")
    return Whole(run, fit(data, run))
