"""`mvd check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from tyro.conf import Positional, arg


@dataclass(frozen=True, kw_only=True)
class Check:
    """Read every file of a data set and list every defect."""

    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """folder of the data set, or CSV table of own pictures"""
    trial: int = 1
    """RegDB's split, 1 to 10"""
    workers: int = 0
    """workers that decode pictures; 0: one per core"""

    def __call__(self, console: Console) -> int:
        """Run the command; the exit code is 1 if the data set has defects."""
        from mvd.commands.data.check import check
        from mvd.reporting.inspection import inspection_report
        from mvd.reporting.terminal.progress import counting_bar

        with counting_bar(console, "checking") as bar:
            inspection = check(**vars(self), progress=bar)
        console.print(inspection_report(inspection), soft_wrap=True)
        return 1 if inspection.defects else 0
