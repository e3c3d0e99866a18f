"""What the tests of weights in and out have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
Save = Callable[[bytes], Path]
Refusal = Callable[[bytes], str]

GOLDENS = Path(__file__).parents[1] / "goldens"
SAMPLES = GOLDENS / "mindspore"


def assert_same(found: Arrays, expected: Arrays) -> None:
    """Compare arrays by name, type, shape and bits."""
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


def by_finding(argument: object) -> str:
    """Name a case by what is found in it, and not by its bytes."""
    return argument if isinstance(argument, str) else "data"
