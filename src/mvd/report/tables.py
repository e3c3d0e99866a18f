"""Results as a table for the terminal, plain enough to be read without colour and at 80 columns.

Figures are percentages, mean ± population standard deviation over trials. What they are figures *of* (protocol,
queries, gallery, re-ranking) stands in the caption, so a table that is copied elsewhere takes it along; when rows are
of different protocols, labels carry the number of their line in the caption.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from mvd.metrics.scores import Result
from mvd.report.rows import DEVIATION, annotate

_HEADINGS = ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")


def results_table(rows: Sequence[tuple[str, Result]]) -> Table:
    """Lay out results, one row each.

    Args:
        rows: labels, shown as they are, and results; in the order given. A re-ranked result belongs directly below
            its plain one; its label gets "re-ranked" at its end.

    Returns:
        A table to print with a rich console.
    """
    labels, notes = annotate(rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left", caption_style="")
    table.add_column("", overflow="fold", min_width=20)  # no narrower: the caption is as wide as the table
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for label, (_, result) in zip(labels, rows, strict=True):
        figures = [f"{100 * mean:.2f}\n±{100 * std:.2f}" for mean, std in zip(result.mean, result.std, strict=True)]
        table.add_row(Text(label), *figures)
    table.caption = Text("\n".join([*notes, f"in %, {DEVIATION}"]))
    return table
