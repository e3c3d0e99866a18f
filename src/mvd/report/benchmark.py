"""The benchmark's table, for the terminal and as Markdown.

In percent: means over seeds with their 95 % interval by Student's t, in brackets, or as ± half its width on a narrow
screen. A row of one seed has no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean

from rich.table import Table
from rich.text import Text

from mvd.files.names import one_line
from mvd.report.rows import markdown_text
from mvd.report.terminal.style import MISSING, interval, markdown_table, plain_table
from mvd.results.benchmark import BenchmarkResult, BenchmarkRow

_FIGURES = {"rank_1": "rank-1", "mAP": "mAP"}
_SEARCHES = {"all-search": "all", "indoor-search": "indoor"}
_CAPTION = "in %; means over seeds {interval}; minutes and GB: of training, mean of the seeds"
_OTHER_PIXELS = "† this machine renders other pixels than {version} names: not to be compared with other tables"


def benchmark_tables(result: BenchmarkResult) -> list[Table]:
    """Lay out the table for the terminal, one per spectrum."""
    tables = []
    for title, rows in _parts(result, narrow=True):
        headings = [heading.replace(" ", "\n") for heading in _headings()]
        table = plain_table(*headings, title=title, title_justify="left", title_style="")
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        tables.append(table)
    tables[-1].caption, tables[-1].caption_justify, tables[-1].caption_style = (
        _caption(result, "± half the 95 % interval"),
        "left",
        "",
    )
    return tables


def benchmark_markdown(result: BenchmarkResult) -> str:
    """Write the table as Markdown, one per spectrum, with the version of each row."""
    by_name = {(row.spectrum, row.name): row for row in result.rows}
    parts = []
    for (title, rows), spectrum in zip(_parts(result, narrow=False), result.pixels, strict=True):
        full = [[markdown_text(cells[0]), *cells[1:], _versions(by_name[spectrum, cells[0]])] for cells in rows]
        parts.append(f"{title}\n\n{markdown_table([*_headings(), 'version'], full)}\n")
    return "\n".join([*parts, _caption(result, "[95 % interval]")])


def _headings() -> list[str]:
    figures = [f"{search} {title}" for search in _SEARCHES.values() for title in _FIGURES.values()]
    return ["", "seeds", *figures, "min", "GB"]


def _caption(result: BenchmarkResult, interval: str) -> str:
    others = [] if all(result.pixels.values()) else [_OTHER_PIXELS.format(version=result.version)]
    return "\n".join([_CAPTION.format(interval=interval), *others])


def _parts(result: BenchmarkResult, *, narrow: bool) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield title and rows of each table."""
    for spectrum, same in result.pixels.items():
        rows = [row for row in result.rows if row.spectrum == spectrum]
        title = f"{result.version}, {result.size}, {spectrum}{'' if same else ' †'}"
        yield title, [_cells(row, narrow=narrow) for row in rows]


def _cells(row: BenchmarkRow, *, narrow: bool) -> list[str]:
    levels = []
    for search in _SEARCHES:
        (protocol,) = (name for name in row.figures if search in name)
        levels += [_level(row.figures[protocol][name], row.seeds, narrow=narrow) for name in _FIGURES]
    minutes = f"{mean(row.minutes):.1f}" if row.minutes else MISSING
    memory = f"{mean(row.memory) / 1e9:.2f}" if row.memory else MISSING
    return [row.name, _seeds(row.seeds), *levels, minutes, memory]


def _level(values: Sequence[float], seeds: Sequence[int], *, narrow: bool) -> str:
    percents = [100 * value for value in values]
    bounds = interval(percents) if seeds else None
    if bounds is None:
        return f"{mean(percents):.1f}"
    low, high = bounds
    written = f"±{(high - low) / 2:.1f}" if narrow else f"[{low:.1f}, {high:.1f}]"
    return f"{mean(percents):.1f} {written}"


def _seeds(seeds: Sequence[int]) -> str:
    return str(len(seeds)) if seeds else MISSING


def _versions(row: BenchmarkRow) -> str:
    return ", ".join(dict.fromkeys(row.versions)) or MISSING
