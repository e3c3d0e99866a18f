"""An ablation as a table: what each rung of a ladder reached, and what it changed for the same seeds.

Shown in percent. Levels are means ± standard deviations over seeds (of the sample, divided by n − 1: few seeds stand
for many). A change is the mean difference of each seed to the same seed one rung below, so that what seeds have in
common cancels out, with its 95 % interval by Student's t in brackets. An interval that holds 0 is no difference that
these seeds can tell; of twenty changes that are none, one has an interval without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from rich import box
from rich.table import Table
from scipy.special import stdtrit

Figures = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Protocol → figure, such as "mAP" → one value for each seed, in the order of the seeds."""

CAPTION = "in %; ± sample standard deviation over seeds; Δ against the row above, seed by seed [95 % interval]"


@dataclass(frozen=True, kw_only=True)
class RungResult:
    """What one rung reached; shares from 0 to 1.

    Attributes:
        name: of the rung.
        adds: what it adds to the one below.
        figures: what described the pictures, such as "observation" → its figures. All rungs have the same protocols
            and seeds; a rung without bottlenecks has no "representation".
    """

    name: str
    adds: str
    figures: Mapping[str, Figures]


_LEVELS = {"rank_1": "rank-1", "mAP": "mAP"}
_CHANGES = {"rank_1": "Δ rank-1", "mAP": "Δ mAP"}
_HEADINGS = ("", *_LEVELS.values(), *_CHANGES.values())


def ablation_tables(rungs: Sequence[RungResult]) -> list[Table]:
    """Lay out an ablation for the screen, a table for each descriptor and protocol."""
    tables = []
    for title, rows in _parts(rungs):
        table = Table(
            title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
        )
        table.add_column("")
        for heading in _HEADINGS[1:]:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        tables.append(table)
    tables[-1].caption, tables[-1].caption_justify, tables[-1].caption_style = CAPTION, "left", ""
    return tables


def ablation_markdown(rungs: Sequence[RungResult]) -> str:
    """Write an ablation as Markdown, a table for each descriptor and protocol."""
    parts = []
    for title, rows in _parts(rungs):
        lines = [_HEADINGS, ["---"] * len(_HEADINGS), *rows]
        parts.append(f"{title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    return "\n".join([*parts, CAPTION])


def _parts(rungs: Sequence[RungResult]) -> Iterator[tuple[str, list[list[str]]]]:
    """Give title and rows of each table."""
    descriptors = dict.fromkeys(descriptor for rung in rungs for descriptor in rung.figures)
    for descriptor in descriptors:
        having = [rung for rung in rungs if descriptor in rung.figures]
        for protocol in having[0].figures[descriptor]:
            figures = [rung.figures[descriptor][protocol] for rung in having]
            yield f"{protocol}, by {descriptor}", _rows([rung.adds for rung in having], figures)


def _rows(names: Sequence[str], figures: Sequence[Mapping[str, tuple[float, ...]]]) -> list[list[str]]:
    rows = []
    for place, (name, now) in enumerate(zip(names, figures, strict=True)):
        row = [name, *(_level(now[figure]) for figure in _LEVELS)]
        if place:
            before = figures[place - 1]
            row += [_change(now[figure], before[figure]) for figure in _CHANGES]
        else:
            row += [""] * len(_CHANGES)
        rows.append(row)
    return rows


def _level(values: Sequence[float]) -> str:
    centre = f"{100 * mean(values):.1f}"
    return centre if len(values) == 1 else f"{centre} ± {100 * stdev(values):.1f}"


def _change(now: Sequence[float], before: Sequence[float]) -> str:
    changes = [100 * (after - earlier) for after, earlier in zip(now, before, strict=True)]
    centre, seeds = mean(changes), len(changes)
    if seeds == 1:
        return f"{centre:+.1f}"
    reach = float(stdtrit(seeds - 1, 0.975)) * stdev(changes) / seeds**0.5
    return f"{centre:+.1f} [{centre - reach:+.1f}, {centre + reach:+.1f}]"
