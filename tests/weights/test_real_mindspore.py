"""Weights to and from real MindSpore, in an environment that has it: `make test-mindspore`.

It runs in a process of its own, without this package.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from weights.helpers import Arrays, assert_same

from mvd.config import ModelConfig
from mvd.models.factory import build_network
from mvd.models.resnet_blocks import Stem
from mvd.models.state import network_tensors
from mvd.weights import convert, read_weights, write_weights

pytestmark = pytest.mark.mindspore

SCRIPT = Path(__file__).with_name("mindspore_side.py")
CONFIG = ModelConfig(
    arch="resnet18", base_width=4, bottleneck_widths=(8, 8), z_dim=8, classifier_width=8, padding="same"
)

MindSpore = Callable[..., None]


@pytest.fixture(scope="module")
def mindspore() -> MindSpore:
    """Run the script by the Python of these tests."""

    def run(*arguments: str | Path) -> None:
        done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    return run


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A whole network of ours, its norms' statistics such as training leaves."""
    torch.manual_seed(0)
    built = build_network(CONFIG, 5)
    built.train()(torch.randn(8, 3, 64, 32))
    write_weights(tmp_path / "ours.safetensors", network_tensors(built), "safetensors")
    return tmp_path / "ours.safetensors"


def load(file: Path) -> Arrays:
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_mindspore_loads_what_is_written_here(mindspore: MindSpore, network: Path, tmp_path: Path) -> None:
    convert(network, tmp_path / "a.ckpt", to="mindspore")
    mindspore("read", tmp_path / "a.ckpt", tmp_path / "a.npz")
    written = read_weights(tmp_path / "a.ckpt").tensors
    assert_same(load(tmp_path / "a.npz"), written)
    assert any(name.endswith(".gamma") for name in written)


def test_a_network_goes_through_mindspore_and_back_with_the_same_bits(
    mindspore: MindSpore, network: Path, tmp_path: Path
) -> None:
    convert(network, tmp_path / "a.ckpt", to="mindspore")
    mindspore("read", tmp_path / "a.ckpt", tmp_path / "a.npz")
    mindspore("write", tmp_path / "a.npz", tmp_path / "b.ckpt")
    convert(tmp_path / "b.ckpt", tmp_path / "b.safetensors", to="mvd")
    there, back = (read_weights(file).tensors for file in (network, tmp_path / "b.safetensors"))
    assert set(back) == set(there)
    kept = [name for name in there if not name.endswith("num_batches_tracked")]
    assert_same({name: back[name] for name in kept}, {name: there[name] for name in kept})
    # Byte for byte what MindSpore itself writes.
    convert(tmp_path / "b.safetensors", tmp_path / "c.ckpt", to="mindspore")
    assert_same(
        dict(sorted(read_weights(tmp_path / "c.ckpt").tensors.items())),
        dict(sorted(read_weights(tmp_path / "b.ckpt").tensors.items())),
    )


def test_mindspore_reads_every_kind_of_tensor_that_it_writes(
    mindspore: MindSpore, sample: Arrays, tmp_path: Path
) -> None:
    write_weights(tmp_path / "a.ckpt", sample, "mindspore")
    mindspore("read", tmp_path / "a.ckpt", tmp_path / "a.npz")
    assert_same(load(tmp_path / "a.npz"), sample)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int32", "int64", "uint8", "bool"])
def test_types_are_the_same_on_both_sides(mindspore: MindSpore, tmp_path: Path, dtype: str) -> None:
    arrays: Arrays = {"a": np.arange(-3, 3).astype(dtype).reshape(2, 3), "b": np.array([1]).astype(dtype)}
    write_weights(tmp_path / "a.ckpt", arrays, "mindspore")
    mindspore("read", tmp_path / "a.ckpt", tmp_path / "a.npz")
    assert_same(load(tmp_path / "a.npz"), arrays)
    mindspore("write", tmp_path / "a.npz", tmp_path / "b.ckpt")
    assert_same(read_weights(tmp_path / "b.ckpt").tensors, arrays)


def test_mindspore_computes_the_stem_that_is_computed_here(mindspore: MindSpore, network: Path, tmp_path: Path) -> None:
    convert(network, tmp_path / "a.ckpt", to="mindspore")
    images = np.random.default_rng(0).standard_normal((2, 3, 30, 17)).astype(np.float32)
    np.savez(tmp_path / "images.npz", images=images)
    mindspore("stem", tmp_path / "a.ckpt", tmp_path / "images.npz", tmp_path / "maps.npz")
    stem = Stem(CONFIG).eval()
    prefix = "shared.encoder."
    weights = {name.removeprefix(prefix): one for name, one in read_weights(network).tensors.items()}
    stem.load_state_dict({name: torch.from_numpy(weights[name]) for name in stem.state_dict()})
    with torch.no_grad():
        expected = stem(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(load(tmp_path / "maps.npz")["maps"], expected, atol=1e-5)
