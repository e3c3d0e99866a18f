"""Shared by the tests of reading and writing weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from mvd.config import ModelConfig
from mvd.models.resnet import ResNet

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


def resnet_shapes(arch: str, base_width: int) -> dict[str, tuple[int, ...]]:
    """List the tensors of a ResNet without its classifier."""
    config = ModelConfig(arch=arch, base_width=base_width)  # type: ignore[arg-type]
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in ResNet(config).state_dict().items()}
