"""Lines for the terminal that report how the tensors of a weights file were matched."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mvd.errors import counted
from mvd.files.names import one_line
from mvd.runs.observer import Matched, Observer


class MatchPrinter(Observer):
    """Prints which tensors of the pre-trained weights were matched, before training starts."""

    def __init__(self, console: Console, file: Path) -> None:
        self._console = console
        self._file = file

    def initialised(self, report: Matched) -> None:
        self._console.print(*map(one_line, weights_lines(self._file, report)), sep="\n", soft_wrap=True)


def weights_lines(file: Path, report: Matched) -> list[str]:
    """Count the loaded tensors, and name the tensors left over, missing or replaced."""
    lines = [f"{file}: {counted(len(report.matched), 'tensor')} loaded into the network"]
    if report.left_over:
        lines.append(f"not used from the file: {', '.join(report.left_over)}")
    if report.missing:
        lines.append(f"not in the file, initialized from the seed: {', '.join(report.missing)}")
    return lines + [f"note: {note}" for note in report.notes]
