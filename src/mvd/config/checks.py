"""The check of a value against its range."""

from __future__ import annotations

from mvd.errors import ConfigError


def require(condition: bool, name: str, expected: str, found: object) -> None:
    """Raise a ConfigError that names the field, what was expected and what was found, unless a condition holds."""
    if not condition:
        raise ConfigError(f"{name}: expected {expected}, found {found}")
