"""Scores as rows for papers, in Markdown or LaTeX, and the notes that accompany rows of figures.

Figures are percentages with two decimals, mean ± population standard deviation over trials; a single trial has no
deviation. A row is a label, the protocol and the five figures that papers report. Notes below describe the evaluation.
The label of a re-ranked result says so, since notes get lost when rows are copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mvd.errors import plural
from mvd.files.names import visible
from mvd.metrics.scores import PLAIN, Scores
from mvd.reporting.terminal.style import markdown_table, percent

DEVIATION = "mean ± population standard deviation over trials"
"""The definition of the figures, for notes."""

_PRINTED = ("rank-1", "rank-10", "rank-20", "mAP", "mINP")
_HEADINGS = ("", "protocol", *_PRINTED)
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~"})
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {character: f"{{{character}}}" for character in "[*"}  # LaTeX would read them as options of the \\ before
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "λ": r"$\lambda$"}
)


class Annotated(NamedTuple):
    """Labels and notes of some rows of scores.

    Attributes:
        labels: one per row, with "re-ranked" if it applies, and with the number of the note if there are several.
        notes: one line per distinct combination of protocol, number of queries, number of queries with a match,
            gallery size and number of trials; then the settings of re-ranking, if used.
    """

    labels: list[str]
    notes: list[str]


def annotate(rows: Sequence[tuple[str, Scores]]) -> Annotated:
    """Complete the labels of scores, and build the notes that describe their evaluation."""
    settings = list(dict.fromkeys(_describe(result) for _, result in rows))
    rankings = list(dict.fromkeys(result.ranking for _, result in rows if result.ranking != PLAIN))
    numbered = len(settings) > 1
    labels = []
    for label, result in rows:
        reranked = "" if result.ranking == PLAIN else " re-ranked"
        # With several rankings, the note alone would not identify this row's.
        which = f", {result.ranking}" if reranked and len(rankings) > 1 else ""
        number = f" ({settings.index(_describe(result)) + 1})" if numbered else ""
        labels.append(f"{label}{reranked}{which}{number}")
    notes = [f"({number}) {setting}" for number, setting in enumerate(settings, start=1)] if numbered else settings
    return Annotated(labels, [*notes, *(f"re-ranked: {ranking}" for ranking in rankings)])


def markdown_rows(rows: Sequence[tuple[str, Scores]]) -> str:
    """Write scores as a Markdown table with a list of notes below.

    Args:
        rows: labels and scores, in the order given. A re-ranked result belongs directly below its plain one.

    Returns:
        Lines without a newline at the end.
    """
    labels, notes = annotate(rows)
    lines = [
        [markdown_text(label), markdown_text(result.protocol), *_cells(result, "{} ± {}")]
        for label, (_, result) in zip(labels, rows, strict=True)
    ]
    below = [f"- {markdown_text(note)}" for note in [*notes, _unit(rows)]]
    return "\n".join([markdown_table(_HEADINGS, lines, text=2), "", *below])


def latex_rows(rows: Sequence[tuple[str, Scores]]) -> str:
    """Write scores as a LaTeX tabular with the rules of booktabs; the notes are its last rows.

    Args:
        rows: as `markdown_rows`.

    Returns:
        Lines without a newline at the end.
    """
    labels, notes = annotate(rows)
    body = []
    for label, (_, result) in zip(labels, rows, strict=True):
        figures = (f"${figure}$" for figure in _cells(result, r"{} \pm {}"))
        body.append(_latex_row([_escape(label, _LATEX), _escape(result.protocol, _LATEX), *figures]))
    width = len(_HEADINGS)
    small = [
        rf"\multicolumn{{{width}}}{{l}}{{\footnotesize {_escape(note, _LATEX)}}}" for note in [*notes, _unit(rows)]
    ]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{ll{'r' * (width - 2)}}}",
            r"\toprule",
            _latex_row(_HEADINGS),
            r"\midrule",
            *body,
            r"\bottomrule",
            *(_latex_row([note]) for note in small),
            r"\end{tabular}",
        ]
    )


def markdown_text(text: str) -> str:
    """Write a text on one line, with the special characters of Markdown and HTML escaped."""
    return _escape(text, _MARKDOWN)


def _describe(result: Scores) -> str:
    """Describe protocol, queries, gallery and trials of a result in one line."""
    return (
        f"{result.protocol}: {result.queries} {plural(result.queries, 'query')}, {result.valid_queries} with a match, "
        f"gallery {result.gallery}, {result.trials} {plural(result.trials, 'trial')}"
    )


def _unit(rows: Sequence[tuple[str, Scores]]) -> str:
    """Name the unit of the figures, and the kind of deviation if there is one."""
    return f"in %, {DEVIATION}" if any(result.trials > 1 for _, result in rows) else "in %"


def _cells(result: Scores, pattern: str) -> list[str]:
    """Format the figures of a row; `pattern` is filled with mean and deviation."""
    means, deviations = result.mean.named(), result.std.named()
    if result.trials == 1:
        return [percent(means[name]) for name in _PRINTED]
    return [pattern.format(percent(means[name]), percent(deviations[name])) for name in _PRINTED]


def _escape(text: str, table: dict[int, str]) -> str:
    """Escape special characters, and put a text on one line."""
    return visible(" ".join(text.split())).translate(table)


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
