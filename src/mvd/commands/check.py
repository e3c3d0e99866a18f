"""`mvd check`: everything that is wrong with a data set, at once."""

from __future__ import annotations

from pathlib import Path

from mvd.data.arrays import Progress
from mvd.data.check import Inspection, inspect


def check(data: str | Path, *, trial: int = 1, workers: int = 0, progress: Progress | None = None) -> Inspection:
    """Inspect a data set; see `mvd.data.check.inspect`.

    Args:
        data: its folder, or a CSV table of own data.
        trial: which split of RegDB, 1 … 10; of no meaning elsewhere.
        workers: threads; 0 means one for each core.
        progress: called with (pictures done, pictures in all).

    Returns:
        What was found; a data set without defects has an empty `defects`.
    """
    return inspect(Path(data), trial=trial, workers=workers, progress=progress)
