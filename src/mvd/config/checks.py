"""The check of a value against its range."""

from __future__ import annotations

from mvd.errors import ConfigError


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raise a ConfigError that names the field, what was expected and what was found, unless a condition holds."""
    if not condition:
        raise ConfigError(f"{name}: expected {expected}, found {found}")


def require_at_most(limit: int, **values: float) -> None:
    """Raise a ConfigError for a value above a limit, by its name with __ for a dot.

    The limits are far above what makes sense: beyond them is a typing error, which would fill the memory later.
    """
    for name, value in values.items():
        require(value <= limit, name.replace("__", "."), f"at most {limit}", value)
