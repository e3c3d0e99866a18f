"""Recipes in the terminal: one line each, and a table of the fields in which they differ."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mvd.config import RunConfig, to_json
from mvd.config.compare import Value, config_fields, differing
from mvd.reporting.terminal.style import MISSING, plain_table

_LONGEST = 11  # characters that fit a column of the table, with six recipes and a terminal of 80 columns
_BESIDE = 4  # recipes in a table, after the first one


def recipes_report(recipes: Mapping[str, RunConfig], summaries: Mapping[str, str]) -> RenderableType:
    """Lay out recipes: one line each, then one row per field that differs; a single recipe is written as JSON.

    A cell is blank where a recipe has the same value as the first recipe.

    Args:
        recipes: name → configuration, in the order of the columns.
        summaries: name → one-line description of the recipe.
    """
    lines = Table.grid(padding=(0, 2))
    for name in recipes:
        lines.add_row(Text(name, style="bold"), summaries[name])
    if len(recipes) < 2:
        return Group(lines, Text(), *(Text(to_json(config)) for config in recipes.values()))
    first, *others = recipes
    groups = [others[start : start + _BESIDE] for start in range(0, len(others), _BESIDE)]
    tables = [_differences({name: recipes[name] for name in (first, *group)}) for group in groups]
    note = f"blank: as {first}; {MISSING}: no such field" if len(recipes) > 2 else ""
    return Group(lines, *(part for table in tables for part in (Text(), table)), Text(note))


def _differences(recipes: Mapping[str, RunConfig]) -> Table:
    """Lay out the fields in which recipes differ, one column per recipe."""
    fields = [config_fields(config) for config in recipes.values()]
    table = plain_table("", *map(_break, recipes), text=len(recipes) + 1, padding=0, show_edge=False, expand=True)
    table.columns[0].no_wrap = True
    section = None
    for field in differing(fields):
        part, _, name = field.rpartition(".")
        if part and part != section:
            section = part
            table.add_row(Text(part, style="bold"))
        first, *others = (_write(one.get(field)) for one in fields)
        cells = ("" if cell == first and len(others) > 1 else cell for cell in others)
        table.add_row(f"  {name}" if part else name, first, *cells)
    return table


def _write(value: Value | None) -> str:
    if value is None:
        return MISSING
    words = str(value).removesuffix("Schedule").split(" ")
    if len(words) > 4:
        words = [*words[:2], "…", words[-1]]
    space = " " if len(" ".join(words)) <= _LONGEST else "\n"
    return space.join(map(_break, words))


def _break(word: str) -> str:
    """Break a word that is too long after its first hyphen or plus sign."""
    if len(word) > _LONGEST:
        for mark in "-+":
            word = word.replace(mark, f"{mark}\n", 1)
    return word
