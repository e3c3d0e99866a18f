"""What is done on devices that this machine need not have: CUDA with faked counts, streams and graphs, Ascend, MPS.

A faked device shows that the code calls what PyTorch offers, by its right name. What the calls compute is seen on a
device itself (tests/gpu).
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from tiny_training import noisy_data
from torch import Tensor, nn

from mvd.config import DataConfig, ModelConfig, RunConfig, RuntimeConfig, SamplingConfig
from mvd.distributed import group
from mvd.distributed.batch_norm import share_statistics
from mvd.errors import ConfigError
from mvd.inference.embed import _tensors
from mvd.models.mvd import MVD
from mvd.models.outputs import tensors_of
from mvd.runtime.device import autocast, without_autocast
from mvd.runtime.memory import peak_memory
from mvd.runtime.precision import check_precision, numerics, resolve_precision
from mvd.runtime.resolve import resolve_runtime
from mvd.training.batches import host_batches
from mvd.training.cuda_graph import GraphedGradients

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")
Calls = list[Any]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Two Ampere devices that compute nothing; the calls that change something are listed."""
    calls: Calls = []
    for name, answer in (("device_count", 2), ("current_device", 1), ("max_memory_allocated", 7 * 2**30)):
        monkeypatch.setattr(torch.cuda, name, lambda *given, answer=answer: answer)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: calls.append(("set_device", device)))
    monkeypatch.setattr(group, "resolve_device", torch.device)
    return calls


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two processes of a launch."""
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("cuda", "launch")
def test_each_process_takes_a_cuda_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert group.local_runtime(RuntimeConfig(device="cuda")).device == "cuda:1"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"found 1 and process 2 on this machine; launch it with --nproc-per-node 1"):
        group.local_runtime(RuntimeConfig(device="cuda"))
    with pytest.raises(ConfigError, match=r"expected cpu, cuda or npu where 2 processes share a run"):
        group.local_runtime(RuntimeConfig(device="cuda:0"))


@pytest.mark.usefixtures("launch")
def test_processes_on_cuda_meet_over_nccl_each_on_its_device(cuda: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def meet(backend: str) -> SimpleNamespace:
        cuda.append(("meet", backend))
        return SimpleNamespace(failed=False)

    monkeypatch.setattr(group, "_meet", meet)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with group.join(RuntimeConfig(device="cuda")):
        pass
    assert cuda == [("set_device", torch.device("cuda:1")), ("meet", "nccl")]


def test_gradients_are_averaged_on_the_process_s_device(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(group, "DistributedDataParallel", lambda network, **settings: given.append(settings))
    for device in (CPU, CUDA):
        group.data_parallel(nn.Linear(1, 1), device, unused=False)
    assert [settings["device_ids"] for settings in given] == [None, [CUDA]]


def test_norms_are_synchronised_by_pytorch_on_cuda() -> None:
    network = share_statistics(nn.Sequential(nn.BatchNorm2d(3)), CUDA)
    assert isinstance(next(network.children()), nn.SyncBatchNorm)


@pytest.mark.usefixtures("cuda")
def test_memory_of_a_device_is_read_from_its_module() -> None:
    assert peak_memory(CUDA)["device"] == 7 * 2**30
    assert "device" not in peak_memory(MPS)
    assert "device" not in peak_memory(CPU)


@pytest.mark.usefixtures("cuda")
def test_precision_follows_the_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    check_precision(RuntimeConfig(precision="tf32"), CUDA)
    assert resolve_precision(RuntimeConfig(), CUDA).precision == "bf16"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    assert resolve_precision(RuntimeConfig(), CUDA).precision == "fp32"
    with pytest.raises(ConfigError, match=r"expected fp32 or bf16 on cuda, found tf32"):
        check_precision(RuntimeConfig(precision="tf32"), CUDA)


def test_mps_computes_in_float32_by_default() -> None:
    runtime = resolve_runtime(RunConfig(), MPS, steps=100_000).runtime
    assert (runtime.precision, runtime.compile, runtime.cuda_graphs) == ("fp32", False, False)


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_autocast_is_that_of_the_device(device: torch.device) -> None:
    assert isinstance(autocast(RuntimeConfig(precision="fp32"), device), nullcontext)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the device is not there
        context = autocast(RuntimeConfig(precision="bf16"), device)
        off = without_autocast(device.type)
    assert isinstance(context, torch.autocast)
    assert (context.device, context.fast_dtype) == (device.type, torch.bfloat16)
    assert isinstance(off, nullcontext) or not off._enabled  # type: ignore[attr-defined]


def test_random_state_of_the_device_is_put_back(cuda: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def fork(devices: list[int], device_type: str = "cuda") -> Iterator[None]:
        cuda.append(("fork", devices, device_type))
        yield

    monkeypatch.setattr(torch.random, "fork_rng", fork)
    for device in (CUDA, torch.device("cuda:0"), CPU):
        with numerics(RuntimeConfig(), device):
            pass
    assert cuda == [("fork", [1], "cuda"), ("fork", [0], "cuda"), ("fork", [], "cuda")]


def test_batches_for_cuda_are_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[tuple[int, ...]] = []

    def pin(tensor: Tensor) -> Tensor:
        pinned.append(tuple(tensor.shape))
        return tensor

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    data = noisy_data(people=2, each=2, height=16, width=16)
    config = RunConfig(
        data=DataConfig(height=16, width=16), sampling=SamplingConfig(identities=2, pictures=2, steps_per_epoch=1)
    )
    next(host_batches(config, data, 0, pin=False))
    assert pinned == []
    next(host_batches(config, data, 0, pin=True))
    assert pinned == [(8, 16, 16, 3), (8, 10), (8,), (2, 8)]
    assert len(list(_tensors(iter([np.zeros((1, 8, 4, 3), np.uint8)]), pin=True))) == 1
    assert pinned[4:] == [(1, 8, 4, 3)]


class Stream:
    """A stream on which everything has happened at once."""

    def wait_stream(self, other: Stream) -> None: ...


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams without a device."""
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(Tensor, "record_stream", lambda tensor, stream: None)


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize("first", ["colour", "grey"])
def test_passes_on_streams_are_the_passes(tiny: ModelConfig, first: Any) -> None:
    torch.manual_seed(0)
    network = MVD(replace(tiny, shared_first=first), 5).train().double()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    images = torch.randn(4, 3, 32, 16, dtype=torch.float64)
    expected, statistics = tensors_of(network.outputs(images)), network.state_dict()
    expected_statistics = {name: values.clone() for name, values in statistics.items()}
    network.load_state_dict(before)
    network.parallel = True
    found = tensors_of(network.outputs(images))
    assert all(torch.allclose(one, other, atol=1e-8) for one, other in zip(found, expected, strict=True))
    for name, values in network.state_dict().items():
        assert torch.allclose(values, expected_statistics[name], atol=1e-8), name


@pytest.mark.usefixtures("streams")
def test_a_graph_is_recorded_once_and_then_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A faked graph computes when it is replayed, from the inputs that it was recorded with."""
    events: list[str] = []

    class Graph:
        def replay(self) -> None:
            events.append("replay")
            graphed.result["total"].copy_(graphed.inputs[0].sum())

    @contextmanager
    def recording(graph: Graph, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        events.append(f"record, {capture_error_mode}")
        yield

    def compute(values: Tensor) -> dict[str, Tensor]:
        events.append("compute")
        return {"total": values.sum()}

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    graphed = GraphedGradients(nn.Linear(1, 1), compute)
    found = [graphed(torch.full((2,), float(step)))["total"] for step in range(6)]
    assert [float(value) for value in found] == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert events == ["compute"] * 3 + ["record, thread_local", "compute"] + ["replay"] * 3


ASCEND = """
import sys, types
import torch
from contextlib import nullcontext
calls = []
npu = types.ModuleType("torch.npu")
npu.is_available = lambda: True
npu.device_count = lambda: 2
npu.current_device = lambda: 0
npu.set_device = lambda device: calls.append(("set_device", str(device)))
npu.max_memory_allocated = lambda device: 5
npu.get_rng_state = lambda device: torch.get_rng_state()
npu.set_rng_state = lambda state, device: calls.append(("rng", device))
torch.utils.rename_privateuse1_backend("npu")
torch._register_device_module("npu", npu)
ordinary = torch.empty
torch.empty = lambda *given, device=None, **more: ordinary(
    *given, device="meta" if device is not None and torch.device(device).type == "npu" else device, **more)
"""
ASCEND_CHECKS = """
import os
import torch
import torch.distributed as dist
from types import SimpleNamespace
from mvd.config import RunConfig, RuntimeConfig
from mvd.distributed import group
from mvd.runtime.device import resolve_device
from mvd.runtime.memory import peak_memory
from mvd.runtime.precision import numerics
from mvd.runtime.resolve import resolve_runtime
assert resolve_device("auto").type == "npu"
device = resolve_device("npu:1")
import torch_npu
assert peak_memory(device)["device"] == 5
runtime = resolve_runtime(RunConfig(), device, 100_000).runtime
assert (runtime.precision, runtime.compile, runtime.cuda_graphs) == ("bf16", False, False), runtime
with numerics(RuntimeConfig(), device):
    pass
os.environ.update(WORLD_SIZE="2", RANK="1", LOCAL_RANK="1")
assert group.local_runtime(RuntimeConfig(device="npu")).device == "npu:1"
met = []
group._meet = lambda backend: met.append(backend) or SimpleNamespace(failed=False)
dist.get_rank, dist.get_world_size = lambda: 1, lambda: 2
with group.join(RuntimeConfig(device="npu")):
    pass
assert met == ["hccl"]
assert torch_npu.calls == [("rng", 1), ("set_device", "npu:1")], torch_npu.calls
print("checked")
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA comes before Ascend")
def test_ascend_by_a_stand_in_for_torch_npu(tmp_path: Path) -> None:
    (tmp_path / "torch_npu.py").write_text(ASCEND)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + ASCEND_CHECKS
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "checked\n"), done.stderr[-3000:]
