"""Which tensors of a weights file matched a network, as lines for the screen."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mvd.runs.observer import Matched, Observer


class MatchPrinter(Observer):
    """Prints which tensors of the pre-trained weights matched, before training starts."""

    def __init__(self, console: Console, file: Path) -> None:
        self._console = console
        self._file = file

    def initialised(self, report: Matched) -> None:
        self._console.print(*weights_lines(self._file, report), sep="\n", soft_wrap=True, markup=False)


def weights_lines(file: Path, report: Matched) -> list[str]:
    """Count the tensors that matched, and name the others: left over, missing, replaced."""
    lines = [f"{file}: {len(report.matched)} arrays of the network are from it"]
    if report.left_over:
        lines.append(f"left over in the file: {', '.join(report.left_over)}")
    if report.missing:
        lines.append(f"missing in the file, so these start anew: {', '.join(report.missing)}")
    return lines + [f"note: {note}" for note in report.notes]
