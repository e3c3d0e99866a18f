"""Processes that work on one run together: how they meet, talk, and fail together.

They are launched by torchrun, which tells each its number in the environment. A process group of `torch.distributed`
carries what they say: NCCL between CUDA devices, HCCL between Ascend processors, Gloo between processors; a second
group, always Gloo, carries Python objects and what the host has to know, so that no device is waited for.

Shapes: R processes, N rows in all, n of them in one process, D columns.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from mvd.config import RunConfig, RuntimeConfig
from mvd.distributed.launch import process_count
from mvd.engine import ALONE, Ranks, Share
from mvd.errors import ConfigError, MvdError, TrainingError
from mvd.runtime.device import device_module, resolve_device

T = TypeVar("T")

_BACKENDS = {"cpu": "gloo", "cuda": "nccl", "npu": "hccl"}
_FAILED = "failed"
# How long the others may take to say that they are why talking to them failed.
_BLAME_SECONDS = 5.0


@dataclass(frozen=True)
class Launched:
    """One of several processes; see `mvd.engine.Ranks`."""

    index: int
    count: int

    def first(self, do: Callable[[], T]) -> T:
        """Let the first process do something, and give its outcome to all."""
        told: list[Any] = [_outcome(do) if self.index == 0 else None]
        dist.broadcast_object_list(told, src=0, group=_meetings[0].talk)
        outcome: T | MvdError = told[0]
        return _value(outcome)

    def each(self, do: Callable[[], T]) -> T:
        """Do something in every process; if any of them fails, all raise the error of the first that did."""
        outcome = _outcome(do)
        errors: list[MvdError | None] = [None] * self.count
        dist.all_gather_object(errors, outcome if isinstance(outcome, MvdError) else None, group=_meetings[0].talk)
        return _value(next((error for error in errors if error is not None), outcome))


@dataclass
class _Meeting:
    """Where the processes met: a store of keys and values, and the group that carries objects."""

    store: Store
    talk: dist.ProcessGroup
    failed: bool = False


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


def require_shares(config: RunConfig) -> None:
    """Check that the identities of a batch can be dealt to the processes of this launch, and to the parts of each.

    Raises:
        ConfigError: they cannot.
    """
    count, parts, identities = process_count(), config.runtime.accumulate, config.sampling.identities
    if identities % (count * parts):
        raise ConfigError(
            f"sampling.identities: expected a multiple of {count * parts}, for {count} "
            f"process{'es' if count > 1 else ''} with runtime.accumulate {parts}, found {identities}; "
            f"try --sampling.identities {-(-identities // (count * parts)) * count * parts}"
        )
    if config.runtime.compile and config.runtime.recompute:
        raise ConfigError(
            "runtime.recompute: expected it without runtime.compile, found both; choose one of them: a compiled "
            "network cannot tell a norm that it sees a picture for the second time"
        )


@contextmanager
def joined(runtime: RuntimeConfig) -> Iterator[Ranks]:
    """Join the other processes of this launch, if there are any; see `mvd.engine.Backend.ranks`."""
    if process_count() == 1:
        yield ALONE
        return
    device = resolve_device(local_runtime(runtime).device)
    if device.type != "cpu":
        device_module(device).set_device(device)
    meeting = _meet(_BACKENDS[device.type])
    try:
        yield Launched(dist.get_rank(), dist.get_world_size())
    except MvdError as error:
        meeting.failed = True
        error.silent = not _claim(meeting.store)
        raise
    except Exception as error:
        meeting.failed = True
        if not _is_of_talking(error):
            _claim(meeting.store)
            raise
        # Most likely another process is gone. It may be about to say why; killed ones do not.
        lost = TrainingError(
            f"expected all {dist.get_world_size()} processes of this run, found one gone "
            f"({str(error).splitlines()[0].partition('. ')[0]}); go on from the last checkpoint with --resume"
        )
        lost.silent = _others_failed(meeting.store) or not _claim(meeting.store)
        raise lost from error


def gather_rows(parts: Sequence[Tensor], device: torch.device, share: Share) -> Tensor:
    """Put together what each process computed: lists of (n, D) on the host into (N, D) on the host of every process.

    Args:
        parts: float32; a process may have none.
        device: where this process computes.
        share: this process.
    """
    own = torch.cat(list(parts)) if parts else torch.empty(0, 0)
    if share.count == 1:
        return own
    shapes: list[tuple[int, int]] = [(0, 0)] * share.count
    dist.all_gather_object(shapes, tuple(own.shape), group=_meetings[0].talk)
    width = max(columns for _, columns in shapes)
    # Every process sends as many rows as the one that has most.
    sent = own.new_zeros(max(rows for rows, _ in shapes), width)
    if len(own):
        sent[: len(own)] = own
    received = [torch.empty_like(sent) for _ in shapes]
    dist.all_gather(received, sent, group=_meetings[0].talk)
    return torch.cat([part[:rows] for part, (rows, _) in zip(received, shapes, strict=True)])


def any_rank(here: bool, ranks: Share) -> bool:
    """Tell whether something holds in any process."""
    if ranks.count == 1:
        return here
    flag = torch.tensor([int(here)])
    dist.all_reduce(flag, op=dist.ReduceOp.MAX, group=_meetings[0].talk)
    return bool(flag.item())


_meetings: list[_Meeting] = []


def _meet(backend: str) -> _Meeting:
    """Make the groups, once in the life of a process."""
    if not _meetings:
        store, index, count = next(rendezvous("env://"))
        dist.init_process_group(backend, store=PrefixStore("mvd", store), rank=index, world_size=count)
        _meetings.append(_Meeting(PrefixStore("mvd-errors", store), dist.new_group(backend="gloo")))
        atexit.register(_part)
    return _meetings[0]


def _part() -> None:
    # After a failure the others may no longer be there to take leave of.
    if dist.is_initialized() and not _meetings[0].failed:
        dist.destroy_process_group()


def _outcome(do: Callable[[], T]) -> T | MvdError:
    try:
        return do()
    except MvdError as error:
        return error


def _value(outcome: T | MvdError) -> T:
    if isinstance(outcome, MvdError):
        raise outcome
    return outcome


def _is_of_talking(error: Exception) -> bool:
    """Tell whether an error is that of an exchange with another process; PyTorch has no one class for them."""
    words = ("gloo", "NCCL", "HCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
    return isinstance(error, dist.DistError) or (
        isinstance(error, RuntimeError) and any(w in str(error) for w in words)
    )


def _claim(store: Store) -> bool:
    """Tell whether this process is the first of them to fail, and so the one to speak."""
    own = str(dist.get_rank()).encode()
    return bool(store.compare_set(_FAILED, "", own.decode()) == own)


def _others_failed(store: Store) -> bool:
    try:
        store.wait([_FAILED], timedelta(seconds=_BLAME_SECONDS))
    except RuntimeError:
        return False
    return True
