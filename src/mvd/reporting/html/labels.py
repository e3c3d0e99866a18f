"""Names of runs in a report."""

from __future__ import annotations

from collections.abc import Sequence

from mvd.results.report import RunReport


def run_labels(runs: Sequence[RunReport]) -> list[str]:
    """Name runs by the last part of their paths, or by the whole path if that is not unique."""
    short = [run.path.name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.path) for run in runs]
