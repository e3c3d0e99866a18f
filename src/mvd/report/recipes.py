"""Recipes on the screen: what each is, and the fields in which they differ, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.config import RunConfig, to_json


def recipes_report(recipes: Mapping[str, RunConfig], summaries: Mapping[str, str]) -> RenderableType:
    """Lay out some recipes: a line each, and a row for each field that is not the same in all of them.

    Args:
        recipes: name → configuration, in the order of the columns.
        summaries: name → what it is, in a line.
    """
    lines = Table.grid(padding=(0, 2))
    for name in recipes:
        lines.add_row(Text(name, style="bold"), summaries[name])
    if len(recipes) < 2:
        return Group(lines, Text(), *(Text(to_json(config)) for config in recipes.values()))
    fields = {name: flatten(json.loads(to_json(config))) for name, config in recipes.items()}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("field", no_wrap=True)
    for name in recipes:
        table.add_column(name, overflow="fold")
    for field in differing(list(fields.values())):
        table.add_row(field, *(fields[name].get(field, "–") for name in recipes))
    return Group(lines, Text(), table)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Write a tree of values as "part.field" → text; lists as their elements, long ones cut short."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = _write(value)
    return flat


def differing(configurations: Sequence[Mapping[str, str]]) -> list[str]:
    """List the fields that are not the same in all configurations, in the order in which they first appear."""
    everything = dict.fromkeys(field for fields in configurations for field in fields)
    return [field for field in everything if len({fields.get(field) for fields in configurations}) > 1]


def _write(value: Any) -> str:
    if isinstance(value, list):
        shown = value if len(value) <= 4 else [*value[:2], "…", value[-1]]
        return " ".join(map(str, shown))
    return str(value)
