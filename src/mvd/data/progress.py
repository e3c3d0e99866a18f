"""Callbacks of long computations: progress, and lines for the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, total)."""

Note: TypeAlias = Callable[[str], None]
"""Called with a line for the user."""


def silent(*given: object) -> None:
    """Do nothing; the default of both callbacks."""
