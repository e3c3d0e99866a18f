"""`mvd recipes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.config.recipes import RECIPES, SUMMARIES, RecipeName


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """List the recipes and compare them field by field."""

    names: Annotated[Positional[tuple[RecipeName, ...]], arg(metavar="[RECIPE ...]", help_behavior_hint="")] = ()
    """recipes to compare, by default all; a single one is shown with every field"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.recipes import recipes_report

        chosen = {name: RECIPES[name] for name in self.names or RECIPES}
        console.print(recipes_report(chosen, SUMMARIES))
        return 0
