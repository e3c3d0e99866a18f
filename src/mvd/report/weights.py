"""What became of the tensors of a file of weights, in lines for the screen."""

from __future__ import annotations

from pathlib import Path

from mvd.weights import Report


def weights_lines(file: Path, report: Report) -> list[str]:
    """Say how many tensors were matched, and name the others: left over, missing, replaced."""
    lines = [f"{file}: {len(report.matched)} arrays of the network are from it"]
    if report.left_over:
        lines.append(f"left over in the file: {', '.join(report.left_over)}")
    if report.missing:
        lines.append(f"missing in the file, so these start anew: {', '.join(report.missing)}")
    return lines + [f"note: {note}" for note in report.notes]
