"""The result of `mvd train`."""

from __future__ import annotations

from typing import NamedTuple

from mvd.runs import RunFolder


class TrainResult(NamedTuple):
    """A run folder, and whether training finished instead of being stopped."""

    run: RunFolder
    finished: bool
