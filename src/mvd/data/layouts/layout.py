"""A layout: how a data set lies on the disk, as a value that `mvd.data.layouts` knows it by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mvd.data.layouts.defects import OnDefect
from mvd.data.samples import Dataset


class Layout(NamedTuple):
    """A layout of data sets on the disk.

    Attributes:
        name: unique among layouts.
        description: its name and its parts, for messages, such as "RegDB (Visible, Thermal, idx)".
        recognise: whether a path is probably such a data set, by the names in it.
        scan: path, trial (RegDB's split) and handler of defects → the tables.
    """

    name: str
    description: str
    recognise: Callable[[Path], bool]
    scan: Callable[[Path, int, OnDefect], Dataset]
