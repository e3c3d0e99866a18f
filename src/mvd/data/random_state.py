"""Keep the caller's random state, from which libraries draw that take no generator of their own."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keeping_random_state() -> Iterator[None]:
    """Restore the global random state of Python, and of NumPy if it is imported, at the end of the context.

    >>> random.seed(3)
    >>> with keeping_random_state():
    ...     inside = random.random()
    >>> random.random() == inside
    True
    """
    python = random.getstate()
    numpy = sys.modules.get("numpy")
    legacy = None if numpy is None else numpy.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        if numpy is not None:
            numpy.random.set_state(legacy)
