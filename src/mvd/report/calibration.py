"""The tables of `mvd calibrate`: how well a calibration holds on people whom it was not learnt on, and on verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from mvd.metrics.calibration.check import PairCheck
from mvd.metrics.calibration.platt import FEW_QUERIES
from mvd.report.terminal.style import plain_table
from mvd.results.calibrate import VerdictCheck

_NOTE = (
    "in %; learnt on one half of the people and checked on the other. error: expected calibration error, where half of "
    "the pairs show one person. alarms: queries for which something passes the threshold though their person is not in "
    "the gallery, and the rate that the threshold is for. found: queries whose person is in the gallery, comes first "
    "and passes it. first: comes first."
)

_VERDICTS = (
    "slope: of the log-odds of one person over the similarity: of held-out people alone, of verdicts alone ± standard "
    f"error, and what is kept. Verdicts of fewer than {FEW_QUERIES} queries, or all alike, are not used. They tell "
    "neither how probable one person is nor how often an alarm is false, since a search shows only the most similar."
)


def calibration_table(checks: Mapping[str, PairCheck]) -> Table:
    """Make the table: a row for each pair of modalities and false-alarm rate."""
    headings = ("people", "error", "stated", "threshold", "alarms", "found", "first")
    table = plain_table("query-gallery", *headings, caption_justify="left", caption_style="")
    for name, check in checks.items():
        for number, row in enumerate(check.detections):
            shared = (name, f"{check.people}", f"{100 * check.error:.1f}") if number == 0 else ("", "", "")
            shares = (f"{100 * share:.1f}" for share in (row.alarms, row.found, row.first))
            table.add_row(*shared, f"{100 * row.stated:.0f}", f"{row.threshold:.3f}", *shares)
    table.caption = Text(_NOTE)
    return table


def verdict_table(verdicts: Mapping[str, VerdictCheck]) -> Table:
    """Make the table: a row for each pair of modalities that results were marked of."""
    headings = ("queries", "right", "wrong", "held out", "verdicts", "slope")
    table = plain_table("query-gallery", *headings, caption_justify="left", caption_style="")
    for name, one in verdicts.items():
        alone = "not used" if one.judged is None else f"{one.judged.value:.1f} ± {one.judged.error:.1f}"
        counts = (f"{count}" for count in (one.queries, one.right, one.wrong))
        table.add_row(name, *counts, f"{one.held_out:.1f}", alone, f"{one.slope:.1f}")
    table.caption = Text(_VERDICTS)
    return table
