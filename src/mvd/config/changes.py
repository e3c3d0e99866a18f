"""Changes of a configuration: new values of fields by dotted names, as JSON values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from mvd.config.compare import config_fields
from mvd.config.files import from_json, to_json
from mvd.config.run import RunConfig
from mvd.config.types import plain
from mvd.errors import ConfigError

_KEPT = ("optimizer.kind", "optimizer.ema")
_CHANGEABLE = ("framework.", "optimizer.", "schedule.", "runtime.")


def find_changes(old: RunConfig, new: RunConfig) -> dict[str, Any]:
    """List the fields of a configuration that differ from another's, with their new values.

    A schedule of another kind is one change, "schedule".

    >>> from dataclasses import replace
    >>> find_changes(RunConfig(), RunConfig(seed=4))
    {'seed': 4}
    """
    return _differences(json.loads(to_json(old)), json.loads(to_json(new)), "")


def apply_changes(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Change fields of a configuration.

    Args:
        config: the configuration.
        changes: new values by dotted field names, as returned by `find_changes`.

    Raises:
        ConfigError: there is no such field, or its value is of another type or out of range.

    >>> apply_changes(RunConfig(), {"optimizer.lr": 0.001, "schedule.epochs": 80}).schedule.epochs
    80
    """
    fields = json.loads(to_json(config))
    for name, value in changes.items():
        *parents, last = name.split(".")
        place = fields
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            close = get_close_matches(name, config_fields(config), 1)
            hint = f"did you mean {close[0]}?" if close else "mvd recipes mvd lists them"
            raise ConfigError(f"{name}: expected a field of the configuration, found none of that name; {hint}")
        place[last] = plain(value)
    return from_json(json.dumps(fields, default=str), "changes")


def refused_changes(changes: Mapping[str, Any]) -> list[str]:
    """Return the changes that a resumed run refuses: all except framework, optimizer, schedule and runtime.

    The kind of the optimizer and its ema cannot change either.
    """
    return [name for name in changes if name in _KEPT or not f"{name}.".startswith(_CHANGEABLE)]


def describe_changes(old: RunConfig, changes: Mapping[str, Any]) -> str:
    """Describe changes in one line.

    >>> describe_changes(RunConfig(), {"schedule.epochs": 80, "seed": 1})
    'seed 0 → 1, schedule.epochs 60 → 80'
    """
    was, now = config_fields(old), config_fields(apply_changes(old, changes))
    names = [name for name in now if was.get(name) != now[name]]
    return ", ".join(f"{name} {was.get(name, 'none')} → {now[name]}" for name in names)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in new.items():
        was: Any = old.get(name)
        other_schedule = name == "schedule" and was.get("kind") != value.get("kind")
        if isinstance(value, dict) and isinstance(was, dict) and not other_schedule:
            found |= _differences(was, value, f"{prefix}{name}.")
        elif value != was:
            found[f"{prefix}{name}"] = value
    return found
