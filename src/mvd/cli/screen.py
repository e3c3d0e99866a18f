"""Printing that several verbs share: lines without markup, results, the progress of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from mvd.files.names import one_line
from mvd.reporting.terminal.interrupts import STOPPED
from mvd.reporting.terminal.output import open_console

if TYPE_CHECKING:
    from mvd.data.progress import Progress
    from mvd.metrics.scores import Scores
    from mvd.reporting.terminal.progress import TrainingBar
    from mvd.runs.observer import Observer

__all__ = ["STOPPED", "Bars", "open_console", "print_results", "say", "watched_training"]


def say(console: Console, *lines: str) -> None:
    """Print lines without hard wraps, so that a path or a command can be copied whole."""
    console.print(*map(one_line, lines), sep="\n", soft_wrap=True)


def print_results(console: Console, rows: Sequence[tuple[str, Scores]]) -> None:
    """Print labelled results as a table."""
    from mvd.reporting.tables import results_table

    console.print(results_table(rows))


@contextmanager
def watched_training(console: Console) -> Iterator[TrainingBar]:
    """Show the progress of a training run; the first Ctrl-C stops it after a checkpoint, the second at once."""
    from mvd.reporting.terminal.interrupts import interruptible
    from mvd.reporting.terminal.progress import TrainingBar

    def stop() -> None:
        bar.stop()
        say(console, "stopping after this step, with a checkpoint; Ctrl-C again to stop at once")

    with TrainingBar(console) as bar, interruptible(stop):
        yield bar


class Bars:
    """Shows the stages of a demo as bars; a `mvd.commands.training.demo.Screens`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def counting(self, title: str, unit: str = "pictures") -> Iterator[Progress]:
        """Show a progress bar for work that is counted in `unit`."""
        from mvd.reporting.terminal.progress import counting_bar

        with counting_bar(self._console, title, unit) as bar:
            yield bar

    @contextmanager
    def training(self) -> Iterator[Observer]:
        """Show a progress bar for training."""
        with watched_training(self._console) as bar:
            yield bar
