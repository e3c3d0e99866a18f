"""PyTorch's files against PyTorch: what `torch.save` writes is read as `torch.load` reads it, without it.

And files that no `torch.save` writes: programs, bombs, tensors that reach beyond their numbers.
"""

from __future__ import annotations

import argparse
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from weights.by_hand import archive, integer, saved, tensor_file, tensor_pickle
from weights.helpers import Arrays, Refusal, assert_same, by_finding

from mvd.weights import read_weights, write_weights
from mvd.weights.formats.torch_files import decode

_DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool, torch.uint8]
_DTYPES += [torch.int8, torch.int16, torch.int32, torch.int64]
_ONLY_ZIP = [torch.uint16, torch.uint32, torch.uint64]
"""Types that PyTorch itself cannot read back from the older format."""


def expected(state: dict[str, Any]) -> Arrays:
    plain = {name: tensor.detach() for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in plain.items()}


@pytest.fixture
def state() -> dict[str, Any]:
    """A state dict of everything that one can have in it."""
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    state: OrderedDict[str, Any] = OrderedDict({f"{t}".removeprefix("torch."): (10 * weight).to(t) for t in _DTYPES})
    state |= {"parameter": torch.nn.Parameter(weight), "turned": weight.t(), "part": weight[1:, ::2]}
    state |= {
        "scalar": torch.tensor(5),
        "half": weight[0, 0].bfloat16(),
        "halves": weight.t().bfloat16(),
        "repeated": torch.zeros(1).expand(4),
        "none": torch.zeros(0, 3),
        "number": 3,
    }
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    return state


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_state_dicts_are_read_as_torch_reads_them(state: dict[str, Any], zipped: bool, protocol: int) -> None:
    data = saved(state, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    arrays = decode(data)
    assert_same(arrays, expected(state))
    if protocol == 2:
        assert_same(arrays, expected(torch.load(io.BytesIO(data), weights_only=True)))
    assert all(array.flags.writeable and array.flags.c_contiguous for array in arrays.values())


def test_types_without_a_storage_of_their_own_are_read() -> None:
    state = {str(dtype): torch.arange(5).to(dtype) for dtype in _ONLY_ZIP}
    assert_same(decode(saved(state)), expected(state))


def test_layers_are_read_as_they_are_saved(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(network.state_dict(), tmp_path / "network.pth.tar")
    weights = read_weights(tmp_path / "network.pth.tar")
    assert weights.kind == "pytorch"
    assert_same(weights.tensors, expected(network.state_dict()))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"net": state, "acc": np.float64(0.5), "cmc": np.arange(3)},
        lambda state: {"model": {"state_dict": state}, "args": argparse.Namespace(lr=0.1, path=Path("x"))},
        lambda state: {"optimizer": {"state": {0: {"step": torch.ones(1)}}}, "seen": {1, 2}, "model": state},
        lambda state: {f"module.{name}": value for name, value in state.items()},
    ],
)
def test_state_dicts_are_found_in_what_is_around_them(wrap: Callable[[dict[str, Any]], Any]) -> None:
    state = {"conv1.weight": torch.ones(2, 2), "bn1.bias": torch.zeros(3)}
    assert_same(decode(saved(wrap(state))), expected(state))
    assert_same(decode(saved(wrap(state), _use_new_zipfile_serialization=False)), expected(state))


def test_torch_reads_what_is_written(tmp_path: Path, state: dict[str, Any]) -> None:
    arrays = expected(state) | {"u16": np.arange(3, dtype=np.uint16)}
    write_weights(tmp_path / "ours.pth", arrays, "pytorch")
    assert_same(expected(torch.load(tmp_path / "ours.pth", weights_only=True)), arrays)
    assert_same(read_weights(tmp_path / "ours.pth").tensors, arrays)


def test_whole_networks_are_refused_with_what_to_do(refusal: Refusal) -> None:
    for data in (saved(torch.nn.Linear(2, 2)), saved({"model": torch.nn.Linear(2, 2)})):
        message = refusal(data)
        assert "a whole object of class 'torch.nn.modules.linear.Linear'" in message
        assert message.endswith("save model.state_dict() alone")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (saved(torch.ones(3)), "no weights but no dictionary of tensors"),
        (saved({"epoch": 3, "lr": 0.1}), "no weights but a dictionary of 'epoch', 'lr'"),
        (saved({"a": torch.ones(2, dtype=torch.complex64)}), "torch.ComplexFloatStorage"),
        (saved({"a": torch.ones(2).to_sparse()}), "_rebuild_sparse_tensor"),
        (saved({"a": torch.ones(2).to(torch.float8_e4m3fn)}), "torch.float8_e4m3fn"),
    ],
    ids=by_finding,
)
def test_what_are_no_weights_is_named(refusal: Refusal, data: bytes, found: str) -> None:
    assert found in refusal(data)


def test_the_hand_made_file_is_one_that_torch_reads() -> None:
    data = archive({"data.pkl": tensor_pickle((2, 2), (2, 1)), "data/0": bytes(16), "version": b"3\n"})
    assert_same(decode(data), expected(torch.load(io.BytesIO(data), weights_only=True)))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (tensor_file((5,), (1,)), "does not fit into the 16 bytes"),
        (tensor_file((4,), (1,), offset=1), "does not fit into the 16 bytes"),
        (tensor_file((2, 2), (3, 1)), "does not fit into the 16 bytes"),
        (tensor_file((4,), (1,), count=5), "does not fit into the 16 bytes"),
        (tensor_file((10**6, 10**6), (0, 0)), "is larger than the file"),
        (tensor_file((2**62, 2**62), (0, 0)), "a shape that no tensor can have"),
        (tensor_file((0, 2**40, 2**40), (0, 0, 0)), "a shape that no tensor can have"),
        (tensor_file((-1,), (1,)), "a shape that no tensor can have"),
        (tensor_file((2,), (-1,), offset=1), "strides that no tensor can have"),
        (tensor_file((2,), (1,), offset=-1), "strides that no tensor can have"),
        (tensor_file((2,), (1, 1)), "a shape that no tensor can have"),
        (tensor_file((1,) * 33, (1,) * 33), "33 dimensions"),
        (tensor_file((2,), (1,), count=-1), "a storage of a size that no storage can have"),
        (archive({"data.pkl": tensor_pickle((2,), (1,))}), "no numbers in the file"),
    ],
    ids=by_finding,
)
def test_tensors_beyond_their_numbers_are_refused(refusal: Refusal, data: bytes, found: str) -> None:
    assert found in refusal(data)


def test_many_views_of_one_storage_are_refused(refusal: Refusal) -> None:
    storage = torch.zeros(1000)
    assert "is larger than the file" in refusal(saved({f"{index}": storage.view(10, 100) for index in range(300)}))


def test_files_that_are_cut_off_are_refused(refusal: Refusal, state: dict[str, Any]) -> None:
    for zipped in (True, False):
        data = saved(state, _use_new_zipfile_serialization=zipped)
        for length in range(0, len(data), 97):
            refusal(data[:length])


@pytest.mark.parametrize(
    ("size", "found"),
    [
        (2**62, "a storage of a size that no storage can have"),
        (10**6, "24 bytes left for a storage of 1000000 numbers"),
        (3, "does not fit into the 12 bytes"),
        (-1, "a storage of a size that no storage can have"),
    ],
)
def test_legacy_storages_of_another_size_are_refused(refusal: Refusal, size: int, found: str) -> None:
    data = saved({"a": torch.arange(4.0)}, _use_new_zipfile_serialization=False)
    written, numbers = size.to_bytes(8, "little", signed=True), data[-16:]
    assert data[-24:-16] == (4).to_bytes(8, "little")
    assert "24 bytes left for a storage of 4 numbers" in refusal(data[:-24] + written + numbers)
    in_pickle = data.replace(b"K\x04Nt", integer(size) + b"Nt")
    assert in_pickle != data
    assert found in refusal(in_pickle[:-24] + written + numbers)


def test_pickles_that_torch_did_not_write_are_named(refusal: Refusal) -> None:
    assert "a pickle that torch.save did not write" in refusal(pickle.dumps({"a": np.ones(3)}))
