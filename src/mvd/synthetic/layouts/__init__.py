"""File layouts of a rendered data set: SYSU-MM01, RegDB, LLCM, or own pictures in folders or in a CSV table.

A layout defines the file of each picture and writes the lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from mvd.synthetic.layouts.layout import Layout
from mvd.synthetic.layouts.llcm import LLCM
from mvd.synthetic.layouts.own import CSV, FOLDER
from mvd.synthetic.layouts.regdb import REGDB
from mvd.synthetic.layouts.sysu import SYSU

__all__ = ["LAYOUTS", "Layout", "LayoutName"]

LayoutName = Literal["sysu", "regdb", "llcm", "folder", "csv"]
LAYOUTS: Mapping[LayoutName, Layout] = MappingProxyType(
    {"sysu": SYSU, "regdb": REGDB, "llcm": LLCM, "folder": FOLDER, "csv": CSV}
)
