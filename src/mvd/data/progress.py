"""Callbacks of work that takes long: for a bar, and for lines that the user should see."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, in all)."""

Note: TypeAlias = Callable[[str], None]
"""Called with a line for the user."""


def silent(*given: object) -> None:
    """Do nothing; the default of both."""
