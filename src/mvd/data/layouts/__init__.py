"""Which layout a data set is in, told by the names in its folder, and its scan.

Names count to the letter, on disks that do not tell upper from lower case too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mvd.data.layouts.defects import Report, raise_at_once, some
from mvd.data.layouts.folders import file_names, folder_names
from mvd.data.layouts.llcm import scan_llcm
from mvd.data.layouts.own_folder import scan_own_folder
from mvd.data.layouts.own_table import scan_own_table
from mvd.data.layouts.regdb import scan_regdb
from mvd.data.layouts.sysu import scan_sysu
from mvd.data.samples import Dataset
from mvd.errors import DatasetError

_LAYOUTS = (
    "SYSU-MM01 (cam1 … cam6, exp), RegDB (Visible, Thermal, idx), LLCM (vis, nir, test_vis, test_nir, idx), "
    "own data (visible, infrared) or a CSV table"
)
_REGDB = {"idx", "Visible", "Thermal"}
_LLCM = {"idx", "vis", "nir", "test_vis", "test_nir"}

Scan = Callable[[Path, Report], Dataset]


def scan(data: str | Path, *, trial: int = 1, report: Report = raise_at_once) -> Dataset:
    """Scan a data set in whichever layout it is.

    Args:
        data: its folder, or a CSV table of own data.
        trial: which split of RegDB, 1 … 10; of no meaning elsewhere.
        report: takes each defect; see the layouts' own scans.

    Raises:
        DatasetError: there is nothing, or nothing in a layout that is known; or a defect, unless `report` takes it.
    """
    data = Path(data)
    found = _recognise(data, trial)
    if found is None:
        raise _unknown(data, trial)
    return found(data, report)


def _recognise(data: Path, trial: int) -> Scan | None:
    if data.is_file():
        return scan_own_table if data.suffix.lower() == ".csv" else None
    names = set(folder_names(data))
    if "exp" in names or any(re.fullmatch(r"cam[0-9]+", name) for name in names):
        return scan_sysu
    # Two of its folders tell a data set, so that the scan can name those that are missing.
    if len(names & _REGDB) >= 2:
        return lambda root, report: scan_regdb(root, trial, report)
    if len(names & _LLCM) >= 2:
        return scan_llcm
    return scan_own_folder if {"visible", "infrared"} <= names else None


def _unknown(data: Path, trial: int) -> DatasetError:
    """Say what lies there instead of a data set, and where one may be."""
    if data.is_file():
        return DatasetError(f"{data}: expected a data set's folder or a CSV table, found another file; give {_LAYOUTS}")
    if not data.is_dir():
        return DatasetError(
            f"{data}: expected a data set's folder or CSV table, found none; check the path to the data"
        )
    inside = folder_names(data) + file_names(data)
    nearby = [str(data / name) for name in inside if _recognise(data / name, trial) is not None]
    remedy = f"did you mean {' or '.join(nearby[:3])}?" if nearby else "check the path and the spelling of the folders"
    return DatasetError(f"{data}: expected {_LAYOUTS}, found {some(inside) or 'an empty folder'}; {remedy}")
