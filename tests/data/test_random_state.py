"""Whatever a library draws from the global generators, the caller's stay as they were."""

from __future__ import annotations

import random
import sys
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from shell import mvd

from mvd.commands.results.report_parts import _plane


def _states() -> tuple[object, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the caller's
    return random.getstate(), name, bytes(keys), *rest  # type: ignore[arg-type]


class _Drawing:
    """A method that draws from the global generators."""

    def __init__(self, **_: object) -> None:
        pass

    def fit_transform(self, unit: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return np.random.rand(len(unit), 2) + random.random()  # noqa: NPY002 - as a library may


def test_a_map_keeps_the_callers_random_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=_Drawing))
    before = _states()
    assert _plane(np.ones((12, 3), np.float32), "umap").shape == (12, 2)
    assert _states() == before


def test_parsing_arguments_keeps_the_callers_random_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert mvd("recipes", "mvd") == 0  # fills the cache of the parser, which it checks at random under pytest
    before = _states()
    assert mvd("recipes", "mvd") == 0
    assert _states() == before
