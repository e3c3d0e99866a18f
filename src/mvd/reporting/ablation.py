"""Tables of an ablation: the figures of each setting, and their change from the setting that it is compared with.

In percent. Levels are means ± sample standard deviations over seeds (divided by n − 1). A change is the mean, over
seeds, of the difference from the run with the same seed of the rung below, or of the configuration that a setting
changes, with its 95 % interval by Student's t in brackets. Pairing by seed removes the variance that runs of one seed
share. If the interval contains 0, these seeds show no difference. If the true change is zero, one interval in twenty
does not contain 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, stdev

from rich.table import Table

from mvd.files.names import one_line
from mvd.reporting.rows import markdown_text
from mvd.reporting.terminal.style import change, markdown_table, plain_table
from mvd.results.ablation import RungResult

CAPTION = "in %; ± sample standard deviation over seeds; Δ against the {row}, seed by seed [95 % interval]"

_FIGURES = {"rank_1": "rank-1", "mAP": "mAP"}
_HEADINGS = ("", *_FIGURES.values(), *(f"Δ {title}" for title in _FIGURES.values()))


def ablation_tables(rungs: Sequence[RungResult]) -> list[Table]:
    """Lay out an ablation for the terminal, one table per descriptor and protocol."""
    tables = []
    for title, rows in _parts(rungs):
        table = plain_table(*_HEADINGS, title=title)
        for row in rows:
            table.add_row(*row)
        tables.append(table)
    tables[-1].caption = _caption(rungs)
    return tables


def ablation_markdown(rungs: Sequence[RungResult]) -> str:
    """Write an ablation as Markdown, one table per descriptor and protocol."""
    parts = [
        f"{title}\n\n{markdown_table(_HEADINGS, [[markdown_text(row[0]), *row[1:]] for row in rows])}\n"
        for title, rows in _parts(rungs)
    ]
    return "\n".join([*parts, _caption(rungs)])


def _caption(rungs: Sequence[RungResult]) -> str:
    first = all(rung.against == rungs[0].name for rung in rungs[1:]) and len(rungs) > 2
    return CAPTION.format(row="first row" if first else "row above")


def _parts(rungs: Sequence[RungResult]) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield title and rows of each table."""
    for descriptor in dict.fromkeys(name for rung in rungs for name in rung.figures):
        having = [rung for rung in rungs if descriptor in rung.figures]
        for protocol in having[0].figures[descriptor]:
            figures = {rung.name: rung.figures[descriptor][protocol] for rung in having}
            rows = [
                [
                    one_line(rung.adds),
                    *_levels(figures[rung.name]),
                    *_changes(figures[rung.name], figures.get(rung.against or "")),
                ]
                for rung in having
            ]
            yield f"{protocol}, by {descriptor}", rows


def _levels(figures: Mapping[str, Sequence[float]]) -> Iterator[str]:
    for name in _FIGURES:
        values = figures[name]
        spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
        yield f"{100 * mean(values):.1f}{spread}"


def _changes(now: Mapping[str, Sequence[float]], before: Mapping[str, Sequence[float]] | None) -> Iterator[str]:
    for name in _FIGURES:
        yield "" if before is None else change(now[name], before[name])
