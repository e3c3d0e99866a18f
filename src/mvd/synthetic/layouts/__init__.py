"""How a rendered data set lies on the disk: as SYSU-MM01, RegDB or LLCM do, or as own data may, in folders or a table.

A layout says where a picture goes and writes the lists beside; it draws nothing and knows nothing of processes.
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
