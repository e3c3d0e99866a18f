"""Shared by all tests: golden vectors, a tiny network, a tiny data set, random outputs of a network.

The golden files in tests/goldens were computed by running the released implementations; each array is named
`<case>/<field>`.

Shapes: B batch, D width, K classes.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from shell import prepared_tree

from mvd.config import ModelConfig
from mvd.models.outputs import Branch, MVDOutput, Prediction

Golden = dict[str, npt.NDArray[Any]]
ReadGolden = Callable[[str], Golden]
MakeOutput = Callable[..., MVDOutput]

_GOLDENS = Path(__file__).parent / "goldens"


def pytest_configure() -> None:
    """Let SIGINT interrupt: a shell that starts tests in its background ignores it, for them and what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Collect no doctests of helpers: some are programs, and all conftest.py are one module name to the collection."""
    helper = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if helper and collection_path.is_relative_to(Path(__file__).parent) else None


@pytest.fixture(scope="session")
def golden() -> ReadGolden:
    """Read a golden file, by its name without suffix, as a dictionary of arrays."""

    def read(name: str) -> Golden:
        with np.load(_GOLDENS / f"{name}.npz") as arrays:
            return dict(arrays)

    return read


@pytest.fixture(scope="session")
def tiny() -> ModelConfig:
    """A network of every part, small enough for a test."""
    return ModelConfig(
        arch="resnet18", base_width=8, bottleneck_widths=(24, 20), z_dim=16, classifier_width=12, dropout=0.0
    )


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared tree in SYSU-MM01's layout, which no test may change."""
    return prepared_tree(tmp_path_factory.mktemp("data") / "people")


@pytest.fixture
def data(people: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may damage."""
    return shutil.copytree(people, tmp_path / "data")


@pytest.fixture
def random_output() -> MakeOutput:
    """Make an output of (B, K) logits and (B, D) features that want gradients, in float64."""

    def make(batch: int = 12, classes: int = 5, width: int = 7, *, seed: int = 0, scale: float = 1.0) -> MVDOutput:
        generator = torch.Generator().manual_seed(seed)

        def values(columns: int) -> torch.Tensor:
            drawn = torch.randn(batch, columns, generator=generator, dtype=torch.float64) * scale
            return drawn.requires_grad_()

        def branch() -> Branch:
            return Branch(Prediction(values(width), values(classes)), Prediction(values(width - 2), values(classes)))

        return MVDOutput(branch(), branch(), branch(), branch())

    return make
