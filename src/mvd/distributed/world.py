"""Which of the joined processes this is. Needs no framework, so anybody may ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_world: tuple[int, int] = (0, 1)


def index() -> int:
    """Return the index of this process, from 0."""
    return _world[0]


def count() -> int:
    """Return the number of processes that share the run; 1 where this process is alone."""
    return _world[1]


def is_first() -> bool:
    """Whether this is the process that writes and reports."""
    return index() == 0


@contextmanager
def of(index: int, count: int) -> Iterator[None]:
    """Be process `index` of `count` within a block."""
    global _world  # noqa: PLW0603 - the process group of a process is global, too
    before, _world = _world, (index, count)
    try:
        yield
    finally:
        _world = before


@contextmanager
def alone() -> Iterator[None]:
    """Be alone within a block, although other processes are joined: nothing in it waits for them."""
    with of(0, 1):
        yield
