"""How the tensors of a weights file were matched, in lines for the terminal."""

from __future__ import annotations

from pathlib import Path

from mvd.weights import Report


def weights_lines(file: Path, report: Report) -> list[str]:
    """Count the tensors that were loaded, and name those left over, missing or replaced."""
    lines = [f"{file}: {len(report.matched)} tensors loaded into the network"]
    if report.left_over:
        lines.append(f"not used from the file: {', '.join(report.left_over)}")
    if report.missing:
        lines.append(f"not in the file, initialized from the seed: {', '.join(report.missing)}")
    return lines + [f"note: {note}" for note in report.notes]
