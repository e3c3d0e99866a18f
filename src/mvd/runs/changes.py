"""Changes of a run's settings: changes.json lists them, each with the step from which it applies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mvd.config import RunConfig
from mvd.config.changes import apply_changes, describe_changes
from mvd.config.files import structure
from mvd.files.strict_json import parse_json


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of settings.

    Attributes:
        step: number of steps before the change.
        epoch: number of complete epochs before the change.
        changes: new values by dotted field names (`mvd.config.changes`).
    """

    step: int
    epoch: int
    changes: Mapping[str, Any]


def parse_changes(text: str) -> tuple[Change, ...]:
    """Parse changes.json.

    Raises:
        ValueError: the text has another format.
    """
    fields = parse_json(text)
    if not isinstance(fields, list):
        raise ValueError("no list of changes")
    return tuple(structure(one, Change, "change") for one in fields)


def configurations(start: RunConfig, changes: Sequence[Change]) -> list[RunConfig]:
    """List the configurations of a run in order, the present one last.

    Raises:
        ConfigError: a change does not fit.
    """
    found = [start]
    for change in changes:
        found.append(apply_changes(found[-1], change.changes))
    return found


def describe_history(start: RunConfig, changes: Sequence[Change]) -> tuple[str, ...]:
    """Describe each change in one line, such as "step 40: optimizer.lr 0.00035 → 0.0001"."""
    before = configurations(start, changes)
    return tuple(
        f"step {change.step}: {describe_changes(config, change.changes)}"
        for config, change in zip(before, changes, strict=False)
    )
