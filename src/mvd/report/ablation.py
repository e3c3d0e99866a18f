"""An ablation as a table: what each rung of a ladder reached, and what it changed for the same seeds.

Shown in percent, mean ± standard deviation over seeds (of the sample, divided by n − 1: few seeds stand for many). The
change is that of each seed against the same seed one rung below, so that what seeds have in common cancels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from rich import box
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class RungResult:
    """What one rung reached; shares from 0 to 1.

    Attributes:
        name: of the rung.
        adds: what it adds to the one below.
        figures: protocol → figure, such as "mAP" → one value for each seed, in the order of the seeds.
    """

    name: str
    adds: str
    figures: Mapping[str, Mapping[str, tuple[float, ...]]]


_SHOWN = {"rank_1": "rank-1", "mAP": "mAP", "mINP": "mINP"}
_CHANGES = {"rank_1": "Δ rank-1", "mAP": "Δ mAP"}


def ablation_tables(rungs: Sequence[RungResult]) -> list[Table]:
    """Lay out an ablation for the screen, a table for each protocol."""
    return [_screen_table(protocol, rungs) for protocol in rungs[0].figures]


def ablation_markdown(rungs: Sequence[RungResult]) -> str:
    """Write an ablation as Markdown, a table for each protocol."""
    parts = []
    for protocol in rungs[0].figures:
        headings = ["", *_SHOWN.values(), *_CHANGES.values()]
        lines = [headings, ["---"] * len(headings), *_rows(protocol, rungs)]
        parts.append(f"`{protocol}`\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")
    return "\n".join(parts)


def _screen_table(protocol: str, rungs: Sequence[RungResult]) -> Table:
    table = Table(
        title=protocol, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("")
    for heading in (*_SHOWN.values(), *_CHANGES.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in _rows(protocol, rungs):
        table.add_row(*row)
    return table


def _rows(protocol: str, rungs: Sequence[RungResult]) -> list[list[str]]:
    rows = []
    for place, rung in enumerate(rungs):
        figures = rung.figures[protocol]
        row = [rung.adds, *(_spread(figures[name]) for name in _SHOWN)]
        if place == 0:
            row += [""] * len(_CHANGES)
        else:
            below = rungs[place - 1].figures[protocol]
            row += [
                _spread([now - before for now, before in zip(figures[name], below[name], strict=True)], sign="+")
                for name in _CHANGES
            ]
        rows.append(row)
    return rows


def _spread(values: Sequence[float], sign: str = "-") -> str:
    centre = f"{100 * mean(values):{sign}.1f}"
    return centre if len(values) == 1 else f"{centre} ± {100 * stdev(values):.1f}"
