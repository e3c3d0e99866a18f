"""The table of `mvd calibrate`: how well a calibration holds on people whom it was not learnt on."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from mvd.metrics.calibration_check import PairCheck

_NOTE = (
    "Learnt on one half of the people and checked on the other. error: expected calibration error, where half of the "
    "pairs show one person. alarms: queries whose person is not in the gallery, but something passes the threshold. "
    "found: queries whose person is in the gallery, comes first and passes it; first: comes first."
)


def calibration_table(checks: Mapping[str, PairCheck]) -> Table:
    """Make the table: a row for each pair of modalities and false-alarm rate."""
    table = Table(caption=_NOTE, caption_justify="left", title_justify="left")
    table.add_column("query-gallery")
    for name in ("people", "queries", "error", "stated alarms", "threshold", "alarms", "found", "first"):
        table.add_column(name, justify="right")
    for name, check in checks.items():
        for number, row in enumerate(check.detections):
            shared = (name, f"{check.people}", f"{check.queries:,}", f"{check.error:.3f}") if number == 0 else [""] * 4
            shares = (f"{share:.1%}" for share in (row.alarms, row.found, row.first))
            table.add_row(*shared, f"{row.stated:.0%}", f"{row.threshold:.3f}", *shares)
    return table
