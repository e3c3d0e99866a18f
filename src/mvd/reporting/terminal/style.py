"""The common style of tables in the terminal and in Markdown, and the format of percentages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean, stdev
from typing import Any

from rich import box
from rich.table import Table

from mvd.errors import needing_scipy

MISSING = "–"
"""Placeholder for a missing value."""


def plain_table(*headings: str, text: int = 1, wrap: bool = False, **options: Any) -> Table:
    """Build an empty table that is readable without colour, with title and caption at its left.

    Args:
        headings: one per column.
        text: number of leading columns with text, aligned left and folded; the others hold numbers, aligned right.
        wrap: whether numbers may be folded too.
        options: further arguments of `rich.table.Table`.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        title_style="",
        caption_justify="left",
        caption_style="",
        **({"padding": (0, 1, 0, 0)} | options),
    )
    for place, heading in enumerate(headings):
        number = place >= text
        table.add_column(heading, justify="right" if number else "left", overflow="fold", no_wrap=number and not wrap)
    return table


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> str:
    """Write a Markdown table with the cells as given; the columns after the first `text` columns are aligned right."""
    rule = ["---" if place < text else "---:" for place in range(len(headings))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, rule, *rows))


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Compute the 95 % interval of a mean by Student's t; None for a single value.

    Example:
        >>> interval([1.0, 2.0, 3.0])
        (-0.484..., 4.484...)
    """
    if len(values) < 2:
        return None
    with needing_scipy("intervals of means"):
        from scipy.special import stdtrit

    reach = float(stdtrit(len(values) - 1, 0.975)) * stdev(values) / len(values) ** 0.5
    return mean(values) - reach, mean(values) + reach


def change(now: Sequence[float], before: Sequence[float], *, narrow: bool = False) -> str:
    """Write the mean difference of paired fractions in percent, with its 95 % interval, or ± half its width.

    Example:
        >>> change([0.3, 0.35], [0.2, 0.26])
        '+9.5 [+3.1, +15.9]'
    """
    changes = [100 * (after - earlier) for after, earlier in zip(now, before, strict=True)]
    bounds = interval(changes)
    if bounds is None:
        return f"{mean(changes):+.1f}"
    low, high = bounds
    written = f"±{(high - low) / 2:.1f}" if narrow else f"[{low:+.1f}, {high:+.1f}]"
    return f"{mean(changes):+.1f} {written}"


def percent(share: float) -> str:
    """Write a fraction from 0 to 1 in percent with two decimals."""
    return f"{100 * share:.2f}"
