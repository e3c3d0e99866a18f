"""Scores as a table for the terminal, readable without colour and at 80 columns.

Figures are percentages, mean ± population standard deviation over trials. The caption describes the evaluation
(protocol, queries, gallery, re-ranking), so that a copied table includes it. If rows have different protocols, each
label has the number of its line in the caption.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from mvd.files.names import one_line
from mvd.metrics.scores import FIGURES, Scores
from mvd.reporting.rows import DEVIATION, annotate
from mvd.reporting.terminal.style import percent, plain_table


def results_table(rows: Sequence[tuple[str, Scores]]) -> Table:
    """Lay out scores, one row each, to print with a rich console.

    Args:
        rows: labels and scores, in the order given. A re-ranked result belongs directly below its plain one;
            "re-ranked" is appended to its label.
    """
    labels, notes = annotate(rows)
    table = plain_table("", *FIGURES)
    table.columns[0].min_width = 20  # the caption is as wide as the table
    for label, (_, scores) in zip(labels, rows, strict=True):
        figures = zip(scores.mean, scores.std, strict=True)
        table.add_row(Text(one_line(label)), *(f"{percent(mean)}\n±{percent(std)}" for mean, std in figures))
    table.caption = Text("\n".join([*notes, f"in %, {DEVIATION}"]))
    return table
