"""Processes that share one run: joining them, agreeing on errors, and asking which one this is.

A launch by `torchrun` starts the same command several times. Within `joined`, `count`, `index` and `is_first` speak of
those processes; outside of it, and in an ordinary command, a process is alone: 1, 0 and True. Importing this package
imports no framework.

    with distributed.joined(config.runtime):
        with distributed.agreement():          # an error in any process is raised in all of them
            if distributed.is_first():
                run = create_run(out, config, data)
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from mvd.config import RuntimeConfig
from mvd.distributed.launch import process_count
from mvd.distributed.world import alone, count, index, is_first

__all__ = ["agreement", "alone", "broadcast", "count", "index", "is_first", "joined"]

T = TypeVar("T")


@contextmanager
def joined(runtime: RuntimeConfig) -> Iterator[None]:
    """Join the other processes of this launch; do nothing where there are none.

    An error that leaves the context ends all processes, and one of them reports it (`MvdError.silent`).

    Args:
        runtime: names the device; each process takes its own.

    Raises:
        ConfigError: the device is missing, or is a single device that processes cannot share.
        TrainingError: another process is gone.
    """
    if process_count() == 1 or count() > 1:
        yield
        return
    from mvd.distributed.group import join

    with join(runtime):
        yield


@contextmanager
def agreement() -> Iterator[None]:
    """Run a block in every process and wait for all of them; if it fails in any, raise that error in all.

    Every process has to enter it. A block for the first process alone asks for `is_first` inside.
    """
    if count() == 1:
        yield
        return
    from mvd.distributed.group import agree

    with agree():
        yield


def broadcast(value: T) -> T:
    """Give the first process's value to all processes; those of the others are ignored. It has to be picklable."""
    if count() == 1:
        return value
    from mvd.distributed.group import send

    return send(value)
