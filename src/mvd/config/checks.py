"""Checks of values against their ranges."""

from __future__ import annotations

from operator import index
from typing import SupportsIndex

from mvd.errors import ConfigError


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raise a ConfigError with the field, the expected and the found value, unless a condition holds."""
    if not condition:
        raise ConfigError(f"{name}: expected {expected}, found {found}")


def whole(name: str, value: object) -> int:
    """Return a whole number, Python's or NumPy's, as Python's.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise ConfigError(f"{name}: expected a whole number, found {value!r}")
    return index(value)


def require_at_most(limit: int, **values: float) -> None:
    """Raise a ConfigError for a value above a limit; in names of arguments, __ stands for a dot.

    The limits are far above reasonable values: a larger value is a typing error, which would exhaust the memory later.
    """
    for name, value in values.items():
        require(value <= limit, name.replace("__", "."), f"at most {limit}", value)
