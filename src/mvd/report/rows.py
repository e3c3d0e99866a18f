"""Results as rows to paste elsewhere, Markdown or LaTeX, and what any row of figures has to say beside them.

Figures are percentages with two decimals, mean ± population standard deviation over trials; a single trial has no
deviation. A row is a label, the protocol and the five figures that papers print; below the rows stands what they are
figures of. A re-ranked result says so in its label: notes get lost where rows are copied on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mvd.metrics.scores import PLAIN, Figures, Result

DEVIATION = "mean ± population standard deviation over trials"
"""What the number behind ± is."""

_HEADINGS = ("", "protocol", "rank-1", "rank-10", "rank-20", "mAP", "mINP")
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~"})
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {
        character: f"{{{character}}}" for character in "[*"
    }  # behind the \\ of the row before, they would be its options
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "λ": r"$\lambda$"}
)


class Annotated(NamedTuple):
    """The text that belongs to rows of results.

    Attributes:
        labels: for each row, with "re-ranked" where it is, and the number of its note where there are several.
        notes: protocol, queries, queries with a match, gallery and trials of all rows, a line for each that
            differs; then how rows were re-ranked, if any was.
    """

    labels: list[str]
    notes: list[str]


def annotate(rows: Sequence[tuple[str, Result]]) -> Annotated:
    """Complete the labels of results and note what they are results of."""
    settings = list(dict.fromkeys(_describe(result) for _, result in rows))
    rankings = list(dict.fromkeys(result.ranking for _, result in rows if result.ranking != PLAIN))
    numbered = len(settings) > 1
    labels = []
    for label, result in rows:
        reranked = "" if result.ranking == PLAIN else " re-ranked"
        # With several of them, the note alone would not tell which.
        which = f", {result.ranking}" if reranked and len(rankings) > 1 else ""
        number = f" ({settings.index(_describe(result)) + 1})" if numbered else ""
        labels.append(f"{label}{reranked}{which}{number}")
    notes = [f"({number}) {setting}" for number, setting in enumerate(settings, start=1)] if numbered else settings
    return Annotated(labels, [*notes, *(f"re-ranked: {ranking}" for ranking in rankings)])


def markdown_rows(rows: Sequence[tuple[str, Result]]) -> str:
    """Write results as a Markdown table, with a list of notes below it.

    Args:
        rows: labels, shown as they are, and results; in the order given. A re-ranked result belongs directly below
            its plain one.

    Returns:
        Lines without a newline at the end.
    """
    labels, notes = annotate(rows)
    lines = [_HEADINGS, ("---", "---", *("---:" for _ in _HEADINGS[2:]))]
    for label, (_, result) in zip(labels, rows, strict=True):
        lines.append((_escape(label, _MARKDOWN), _escape(result.protocol, _MARKDOWN), *_cells(result, "{} ± {}")))
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*table, "", *(f"- {_escape(note, _MARKDOWN)}" for note in [*notes, _unit(rows)])])


def latex_rows(rows: Sequence[tuple[str, Result]]) -> str:
    """Write results as a LaTeX tabular with the rules of booktabs, its notes in the last rows.

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


def _describe(result: Result) -> str:
    """Say on one line what a result is a result of."""
    trials = "1 trial" if result.trials == 1 else f"{result.trials} trials"
    return (
        f"{result.protocol}: {result.queries} queries, {result.valid_queries} with a match, "
        f"gallery {result.gallery}, {trials}"
    )


def _unit(rows: Sequence[tuple[str, Result]]) -> str:
    """Say what the figures are in, and their deviation if any of them has one."""
    return f"in %, {DEVIATION}" if any(result.trials > 1 for _, result in rows) else "in %"


def _cells(result: Result, pattern: str) -> list[str]:
    """Format the figures of a row, mean and deviation by a pattern with a place for each."""
    means, deviations = ([f"{100 * share:.2f}" for share in _printed(figures)] for figures in (result.mean, result.std))
    return means if result.trials == 1 else [pattern.format(*pair) for pair in zip(means, deviations, strict=True)]


def _printed(figures: Figures) -> tuple[float, ...]:
    return figures.rank_1, figures.rank_10, figures.rank_20, figures.mAP, figures.mINP


def _escape(text: str, table: dict[int, str]) -> str:
    """Keep a text what it is, on one line."""
    return " ".join(text.split()).translate(table)


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
