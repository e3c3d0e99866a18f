"""Compute items of an iterator ahead of their use, in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """Yield items that a thread computes up to `depth` ahead; its errors are raised here."""
    source = iter(items)
    with ThreadPoolExecutor(1) as worker:
        ahead = deque(worker.submit(next, source, None) for _ in range(depth))
        while (item := ahead.popleft().result()) is not None:
            ahead.append(worker.submit(next, source, None))
            yield item
