"""`mvd check`: report every defect of a data set at once."""

from __future__ import annotations

from mvd.data.check import check_dataset as check

__all__ = ["check"]
