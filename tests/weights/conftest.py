"""Shared by the tests of reading and writing weights: files to read, samples of MindSpore, the cost of reading."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from weights.helpers import SAMPLES, Arrays, Refusal, Save, resnet_shapes

from mvd.errors import CheckpointError
from mvd.weights import read_weights

collect_ignore = ["mindspore_side.py"]
"""Runs in an environment that has MindSpore."""

SLACK = 16 * 2**20
"""What a file made to be awkward may cost beside four times its size."""


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write bytes to a file, whose name says nothing."""

    def write(data: bytes) -> Path:
        file = tmp_path / "weights.bin"
        file.write_bytes(data)
        return file

    return write


@pytest.fixture
def refusal(save: Save) -> Refusal:
    """Return what is said of a file that is refused, having seen that it took little memory to find out."""

    def read(data: bytes) -> str:
        file = save(data)
        tracemalloc.start()
        try:
            with pytest.raises(CheckpointError) as caught:
                read_weights(file)
            _, allocated = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert allocated < 4 * len(data) + SLACK
        message = str(caught.value)
        assert message.startswith(f"{file}: expected ")
        assert "found" in message
        assert "\n" not in message
        assert len(message) < 600
        return message

    return read


@pytest.fixture(scope="session")
def sample() -> Arrays:
    """The arrays that real MindSpore wrote into the samples; it leaves out the one without elements."""
    with np.load(SAMPLES / "sample.npz") as arrays:
        return {name: array for name, array in arrays.items() if array.size}


@pytest.fixture
def resnet() -> Arrays:
    """A ResNet-18 with torchvision's names and ImageNet's classifier."""
    generator = np.random.default_rng(0)
    shapes = resnet_shapes("resnet18", 4) | {"fc.weight": (1000, 32), "fc.bias": (1000,)}
    arrays: Arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return arrays | {name: np.array(3) for name, shape in shapes.items() if not shape}
