"""A file layout of a data set, as an entry of `mvd.data.layouts.LAYOUTS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mvd.data.layouts.defects import OnDefect
from mvd.data.samples import Dataset


class Layout(NamedTuple):
    """A file layout of data sets.

    Attributes:
        name: unique name.
        description: name and parts, for messages, such as "RegDB (Visible, Thermal, idx)".
        recognise: returns whether a path is probably such a data set, by the names in it.
        scan: path, trial (RegDB's split) and handler of defects → the tables.
    """

    name: str
    description: str
    recognise: Callable[[Path], bool]
    scan: Callable[[Path, int, OnDefect], Dataset]
