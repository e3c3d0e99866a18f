"""What several commands show in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from mvd.metrics.scores import Result

STOPPED = 130
"""The exit code of a command that Ctrl-C stopped."""


def print_results(console: Console, rows: Sequence[tuple[str, Result]]) -> None:
    """Print results, a label each, as a table."""
    from mvd.report.tables import results_table

    console.print(results_table(rows))
