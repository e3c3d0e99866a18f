"""`mvd recipes`."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from tyro.conf import Positional

from mvd.config.recipes import RECIPES, SUMMARIES, RecipeName


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """List the recipes and compare them field by field."""

    names: Positional[tuple[RecipeName, ...]] = ()
    """recipes to compare, by default all; one alone is shown whole"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.reporting.recipes import recipes_report

        chosen = {name: RECIPES[name] for name in self.names or RECIPES}
        console.print(recipes_report(chosen, SUMMARIES))
        return 0
