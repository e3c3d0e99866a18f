"""Compare configurations: flatten their fields, and list the fields in which they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mvd.config.files import to_json
from mvd.config.run import RunConfig

Value: TypeAlias = bool | int | float | str


def flatten(values: Mapping[str, Any], separator: str = ".", prefix: str = "") -> dict[str, Value]:
    """Flatten nested mappings into one, with the keys joined.

    Args:
        values: numbers, texts, lists and mappings of them; the elements of a list are joined with spaces.
        separator: separator between keys.
        prefix: prefix of every key.

    Example:
        >>> flatten({"seed": 1, "model": {"z_dim": 2, "bottleneck_widths": [4, 8]}})
        {'seed': 1, 'model.z_dim': 2, 'model.bottleneck_widths': '4 8'}
    """
    flat: dict[str, Value] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, separator, f"{prefix}{key}{separator}")
        elif isinstance(value, list | tuple):
            flat[prefix + key] = " ".join(map(str, value))
        else:
            flat[prefix + key] = value if isinstance(value, bool | int | float) else str(value)
    return flat


def config_fields(config: RunConfig) -> dict[str, Value]:
    """List the fields of a configuration by their dotted names.

    Example:
        >>> config_fields(RunConfig())["data.height"]
        288
    """
    return flatten(json.loads(to_json(config)))


def differing(fields: Sequence[Mapping[str, Value]]) -> list[str]:
    """List the fields that differ between configurations, in the order of first appearance.

    Example:
        >>> differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}])
        ['b', 'c']
    """
    names = dict.fromkeys(name for one in fields for name in one)
    return [name for name in names if len({one.get(name) for one in fields}) > 1]
