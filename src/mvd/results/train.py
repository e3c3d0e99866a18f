"""The result of `mvd train`."""

from __future__ import annotations

from typing import NamedTuple

from mvd.runs import RunFolder


class TrainResult(NamedTuple):
    """A run folder, and whether training reached its end rather than being stopped."""

    run: RunFolder
    finished: bool
