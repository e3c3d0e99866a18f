"""Calibrations in the terminal: their summary, and their accuracy on held-out people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from rich.table import Table
from rich.text import Text

from mvd.data.samples import Modality
from mvd.errors import counted
from mvd.metrics.calibration import ENOUGH_PEOPLE, Calibration
from mvd.metrics.calibration.check import PairCheck
from mvd.metrics.calibration.platt import FEW_QUERIES
from mvd.reporting.terminal.style import plain_table
from mvd.results.calibrate import VerdictCheck

_LIKELY = 0.5  # probability, for a prior of a half
_RATE, _PEOPLE = 0.01, 1000  # false-alarm rate and number of people of the threshold in the summary

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
    """Build the table of checks: one row per pair of modalities and false-alarm rate."""
    headings = ("people", "error", "stated", "threshold", "alarms", "found", "first")
    table = plain_table("query-gallery", *headings)
    for name, check in checks.items():
        for number, row in enumerate(check.detections):
            shared = (name, f"{check.people}", f"{100 * check.error:.1f}") if number == 0 else ("", "", "")
            shares = (f"{100 * share:.1f}" for share in (row.alarms, row.found, row.first))
            table.add_row(*shared, f"{100 * row.stated:.0f}", f"{row.threshold:.3f}", *shares)
    table.caption = Text(_NOTE)
    return table


def camera_lines(calibration: Calibration, checks: Mapping[str, PairCheck]) -> list[str]:
    """List the pairs of cameras with their own calibration, and its gain where it could be checked."""
    learnt = Counter(name for name, _, _ in calibration.cameras)
    lines = []
    for name, count in learnt.items():
        line = f"{name}: with a calibration of their own {counted(count, 'pair')} of cameras"
        checked = checks[name].cameras if name in checks else None
        if checked is None:
            lines.append(f"{line}; half of the people are too few to check them")
        else:
            own, shared = 100 * checked.error, 100 * checked.shared
            lines.append(
                f"{line}; error {own:.1f} instead of {shared:.1f}, in the {checked.pairs} that could be checked"
            )
    few = f"no two cameras saw {ENOUGH_PEOPLE} of the people, so that none has a calibration of its own"
    return lines or [few]


def calibration_summary(calibration: Calibration | None) -> list[tuple[str, str]]:
    """Summarise a calibration as names and texts: its training data, and the meaning of a similarity per pair."""
    if calibration is None:
        return []
    lines = [("calibrated on", f"{counted(calibration.people, 'person')}: {calibration.data}")]
    for name in calibration.pairs:
        query, gallery = (Modality[one.upper()] for one in name.split("-"))
        at = np.linspace(-1, 1, 2001)
        likely = at[calibration.probability(at, query, gallery) >= _LIKELY]
        sure = f"as likely as not from {likely[0]:.2f}" if len(likely) else "never as likely as not"
        limit = calibration.threshold(_RATE, _PEOPLE, query, gallery)
        lines.append((name, f"{sure}; {limit:.2f} for {_RATE:.0%} of false alarms among {_PEOPLE:,} people"))
    if calibration.cameras:
        lines.append(("pairs of cameras", f"{len(calibration.cameras):,} calibrated by themselves"))
    return lines


def verdict_table(verdicts: Mapping[str, VerdictCheck]) -> Table:
    """Build the table of verdicts: one row per pair of modalities with marked results."""
    headings = ("queries", "right", "wrong", "held out", "verdicts", "slope")
    table = plain_table("query-gallery", *headings)
    for name, one in verdicts.items():
        alone = "not used" if one.judged is None else f"{one.judged.value:.1f} ± {one.judged.error:.1f}"
        counts = (f"{count}" for count in (one.queries, one.right, one.wrong))
        table.add_row(name, *counts, f"{one.held_out:.1f}", alone, f"{one.slope:.1f}")
    table.caption = Text(_VERDICTS)
    return table
