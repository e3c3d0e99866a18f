"""`mvd runs`: list runs, or compare two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say


@dataclass(frozen=True, kw_only=True)
class Runs:
    """List runs with their state and best figures, or compare two."""

    folders: Annotated[Positional[tuple[Path, ...]], arg(metavar="[FOLDER ...]", help_behavior_hint="")] = ()
    """folders to look in, by default runs; or two run folders to compare"""
    format: Literal["table", "json"] = "table"
    """output format"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.results.runs import compare_runs, is_run, list_runs
        from mvd.reporting.runs import comparison_json, comparison_report, runs_json, runs_report

        if len(self.folders) == 2 and all(map(is_run, self.folders)):
            comparison = compare_runs(*self.folders)
            if self.format == "json":
                print(comparison_json(comparison))
            else:
                console.print(comparison_report(comparison))
            return 0
        folders = self.folders or (Path("runs"),)
        runs = list_runs(folders)
        if self.format == "json":
            print(runs_json(runs))
        elif runs:
            console.print(runs_report(runs))
        else:
            say(console, f"no runs in {', '.join(map(str, folders))}")
        return 0
