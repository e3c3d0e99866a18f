"""The process group: how processes meet, exchange values, and fail together.

torchrun tells each process its index in the environment. A process group of `torch.distributed` carries tensors: NCCL
between CUDA devices, HCCL between Ascend devices, Gloo between CPUs. A second group, always Gloo, carries Python
objects and whatever the host needs, so that no device is waited for.

Shapes: N rows in all, n of them in one process, D columns.
"""

from __future__ import annotations

import atexit
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from mvd.config import RunConfig, RuntimeConfig
from mvd.distributed import world
from mvd.distributed.launch import process_count
from mvd.errors import ConfigError, MvdError, TrainingError, explain
from mvd.runtime.device import device_module, resolve_device

T = TypeVar("T")

_BACKENDS = {"cpu": "gloo", "cuda": "nccl", "npu": "hccl"}
_FAILED = "failed"
# Seconds that the others have to say that they are the reason why communication failed.
_BLAME_SECONDS = 5.0


@dataclass
class _Meeting:
    """Where the processes met: a key-value store, and the group that carries objects."""

    store: Store
    objects: dist.ProcessGroup
    failed: bool = False


_meetings: list[_Meeting] = []


def local_runtime(runtime: RuntimeConfig) -> RuntimeConfig:
    """Give this process its own device, where it is one of several on a machine.

    Raises:
        ConfigError: a single device was asked for, or there are fewer devices than processes.
    """
    if process_count() == 1:
        return runtime
    device = resolve_device(runtime.device)
    if device.type == "cpu":
        return runtime
    if ":" in runtime.device or device.type not in _BACKENDS:
        raise ConfigError(
            f"runtime.device: expected cpu, cuda or npu where {process_count()} processes share a run, of which each "
            f"takes its own, found {runtime.device}"
        )
    found, local = device_module(device).device_count(), int(os.environ.get("LOCAL_RANK", "0"))
    if local >= found:
        raise ConfigError(
            f"runtime.device: expected a device for each process, found {found} and process {local + 1} on "
            f"this machine; launch it with --nproc-per-node {found}"
        )
    return replace(runtime, device=f"{device.type}:{local}")


def require_divisible(config: RunConfig, processes: int | None = None) -> None:
    """Check that the identities of a batch divide among the processes and the parts of a batch.

    Args:
        config: configuration of the run.
        processes: their number; None for those of this launch.

    Raises:
        ConfigError: they do not, or recomputing is combined with compiling.
    """
    processes = process_count() if processes is None else processes
    parts, identities = config.runtime.accumulate, config.sampling.identities
    if identities % (processes * parts):
        raise ConfigError(
            f"sampling.identities: expected a multiple of {processes * parts}, for {processes} "
            f"process{'es' if processes > 1 else ''} with runtime.accumulate {parts}, found {identities}; "
            f"try --sampling.identities {-(-identities // (processes * parts)) * processes * parts}"
        )
    if config.runtime.compile is True and config.runtime.recompute is True:
        raise ConfigError(
            "runtime.recompute: expected it without runtime.compile, found both; choose one of them: a compiled "
            "network cannot tell a norm that it sees a picture for the second time"
        )


@contextmanager
def join(runtime: RuntimeConfig) -> Iterator[None]:
    """Join the other processes of this launch; see `mvd.distributed.joined`."""
    device = resolve_device(local_runtime(runtime).device)
    if device.type != "cpu":
        device_module(device).set_device(device)
    meeting = _meet(_BACKENDS[device.type])
    try:
        with world.of(dist.get_rank(), dist.get_world_size()):
            yield
    except MvdError as error:
        meeting.failed = True
        error.silent = not _claim(meeting.store)
        raise
    except Exception as error:
        meeting.failed = True
        if not _is_communication_error(error):
            _claim(meeting.store)
            raise
        # Most likely another process is gone. It may be about to say why; killed ones do not.
        lost = TrainingError(
            f"expected all {dist.get_world_size()} processes of this run, found one gone "
            f"({str(error).splitlines()[0].partition('. ')[0]}); go on from the last checkpoint with --resume"
        )
        lost.silent = _others_failed(meeting.store) or not _claim(meeting.store)
        raise lost from error


@contextmanager
def agree() -> Iterator[None]:
    """Raise the error of any process in all of them; see `mvd.distributed.agreement`."""
    own: MvdError | None = None
    try:
        yield
    except MvdError as error:
        own = error
    except OSError as error:
        own = explain(error)
    errors: list[MvdError | None] = [None] * world.count()
    dist.all_gather_object(errors, own, group=_meetings[0].objects)
    first = next((error for error in errors if error is not None), None)
    if first is not None:
        raise first


def send(value: T) -> T:
    """Give the first process's value to all; see `mvd.distributed.broadcast`."""
    values = [value]
    dist.broadcast_object_list(values, src=0, group=_meetings[0].objects)
    return values[0]


def any_process(here: bool) -> bool:
    """Whether something holds in any process."""
    if world.count() == 1:
        return here
    flag = torch.tensor([int(here)])
    dist.all_reduce(flag, op=dist.ReduceOp.MAX, group=_meetings[0].objects)
    return bool(flag.item())


def gather_rows(parts: list[Tensor]) -> Tensor:
    """Concatenate what each process computed: lists of (n, D) on the host into (N, D) on the host of every process.

    Args:
        parts: float32; a process may have none.
    """
    own = torch.cat(parts) if parts else torch.empty(0, 0)
    if world.count() == 1:
        return own
    group = _meetings[0].objects
    shapes: list[tuple[int, int]] = [(0, 0)] * world.count()
    dist.all_gather_object(shapes, tuple(own.shape), group=group)
    width = max(columns for _, columns in shapes)
    # Every process sends as many rows as the one that has most.
    sent = own.new_zeros(max(rows for rows, _ in shapes), width)
    if len(own):
        sent[: len(own)] = own
    received = [torch.empty_like(sent) for _ in shapes]
    dist.all_gather(received, sent, group=group)
    return torch.cat([part[:rows] for part, (rows, _) in zip(received, shapes, strict=True)])


def gather_with_gradient(own: Tensor) -> Tensor:
    """Concatenate (n, D) of every process to (N, D) on the device; only this process's rows carry a gradient."""
    parts = [torch.empty_like(own) for _ in range(world.count())]
    dist.all_gather(parts, own.detach())
    parts[world.index()] = own
    return torch.cat(parts)


def data_parallel(network: nn.Module, device: torch.device, *, unused: bool) -> DistributedDataParallel:
    """Average the gradients of a network over all processes while they are computed.

    Args:
        network: on its device; equal in all processes.
        device: of this process.
        unused: whether there are parameters that no loss reaches.
    """
    with warnings.catch_warnings():
        # Older versions of PyTorch do not know the argument's new name.
        warnings.filterwarnings("ignore", message=".*broadcast_buffers.*", category=FutureWarning)
        return DistributedDataParallel(
            network,
            device_ids=None if device.type == "cpu" else [device],
            broadcast_buffers=False,  # they are equal already
            gradient_as_bucket_view=True,
            find_unused_parameters=unused,
        )


def _meet(backend: str) -> _Meeting:
    """Create the groups, once in the life of a process."""
    if not _meetings:
        store, index, count = next(rendezvous("env://"))
        dist.init_process_group(backend, store=PrefixStore("mvd", store), rank=index, world_size=count)
        _meetings.append(_Meeting(PrefixStore("mvd-errors", store), dist.new_group(backend="gloo")))
        atexit.register(_part)
    return _meetings[0]


def _part() -> None:
    # After a failure the others may be gone already.
    if dist.is_initialized() and not _meetings[0].failed:
        dist.destroy_process_group()


def _is_communication_error(error: Exception) -> bool:
    """Whether an exchange with another process failed; PyTorch has no single class for that."""
    words = ("gloo", "NCCL", "HCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and any(w in str(error) for w in words)
    )


def _claim(store: Store) -> bool:
    """Whether this process is the first of them to fail, and so the one that reports."""
    own = str(dist.get_rank()).encode()
    return bool(store.compare_set(_FAILED, "", own.decode()) == own)


def _others_failed(store: Store) -> bool:
    try:
        store.wait([_FAILED], timedelta(seconds=_BLAME_SECONDS))
    except RuntimeError:
        return False
    return True
