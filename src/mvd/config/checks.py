"""How a value that is out of range is said."""

from __future__ import annotations

from mvd.errors import ConfigError


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raise a ConfigError that names a field, unless a condition holds."""
    if not condition:
        raise ConfigError(f"{name}: expected {expected}, found {found}")
