"""The benchmark's table, for the terminal and as Markdown.

In percent: means over seeds with their 95 % interval by Student's t, in brackets, or as ± half its width on a narrow
screen. A row of one seed has no interval. Against another row, figures are differences seed by seed, with the interval
of their mean, over the seeds that both rows have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean

from rich.table import Table
from rich.text import Text

from mvd.errors import ConfigError
from mvd.files.names import one_line
from mvd.reporting.rows import markdown_text
from mvd.reporting.terminal.style import MISSING, change, interval, markdown_table, plain_table
from mvd.results.benchmark import BenchmarkResult, BenchmarkRow

_FIGURES = {"rank_1": "rank-1", "mAP": "mAP"}
_SEARCHES = {"all-search": "all", "indoor-search": "indoor"}
_CAPTION = "in %; means over seeds {interval}"
_COSTS = "minutes and GB: of training, mean of the seeds"
_DIFFERENCES = "Differences from {row}, seed by seed, over the seeds that both have."
_OTHER_PIXELS = "† this machine renders other pixels than {version} names: not to be compared with other tables"


def benchmark_tables(result: BenchmarkResult, against: str | None = None) -> list[Table]:
    """Lay out the table for the terminal, one per spectrum.

    Args:
        result: the rows.
        against: name of a trained row; figures of the others are differences from it.

    Raises:
        ConfigError: there is no such row.
    """
    tables = []
    for title, rows in _parts(result, against, narrow=True):
        headings = [heading.replace(" ", "\n") for heading in _headings(against)]
        table = plain_table(*headings, title=title)
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        tables.append(table)
    tables[-1].caption = _caption(result, "± half the 95 % interval", against)
    return tables


def benchmark_markdown(result: BenchmarkResult, against: str | None = None) -> str:
    """Write the table as Markdown, one per spectrum, with the version of each row; see `benchmark_tables`."""
    by_name = {(row.spectrum, row.name): row for row in result.rows}
    parts = []
    for (title, rows), spectrum in zip(_parts(result, against, narrow=False), result.pixels, strict=True):
        full = [[markdown_text(cells[0]), *cells[1:], _versions(by_name[spectrum, cells[0]])] for cells in rows]
        parts.append(f"{title}\n\n{markdown_table([*_headings(against), 'version'], full)}\n")
    return "\n".join([*parts, _caption(result, "[95 % interval]", against)])


def _headings(against: str | None) -> list[str]:
    figures = [f"{search} {title}" for search in _SEARCHES.values() for title in _FIGURES.values()]
    return ["", "seeds", *figures, *(["min", "GB"] if against is None else [])]


def _caption(result: BenchmarkResult, interval: str, against: str | None) -> str:
    others = [] if against is None else [_DIFFERENCES.format(row=against)]
    others += [] if all(result.pixels.values()) else [_OTHER_PIXELS.format(version=result.version)]
    caption = _CAPTION.format(interval=interval)
    return "\n".join([caption if against is not None else f"{caption}; {_COSTS}", *others])


def _parts(result: BenchmarkResult, against: str | None, *, narrow: bool) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield title and rows of each table."""
    trained = [row for row in result.rows if row.seeds]
    if against is not None and against not in {row.name for row in trained}:
        names = ", ".join(dict.fromkeys(row.name for row in trained)) or "none yet"
        raise ConfigError(f"against: expected a row that was trained here ({names}), found {against!r}")
    for spectrum, same in result.pixels.items():
        rows = [row for row in result.rows if row.spectrum == spectrum]
        title = f"{result.version}, {result.size}, {spectrum}{'' if same else ' †'}"
        if against is None:
            yield title, [_cells(row, narrow=narrow) for row in rows]
        else:
            base = next((row for row in rows if row.name == against), None)
            yield title, [_differences(row, base, narrow=narrow) for row in rows if row.seeds]


def _cells(row: BenchmarkRow, *, narrow: bool) -> list[str]:
    levels = [_level(values, row.seeds, narrow=narrow) for values in _figures(row)]
    minutes = f"{mean(row.minutes):.1f}" if row.minutes else MISSING
    memory = f"{mean(row.memory) / 1e9:.2f}" if row.memory else MISSING
    return [row.name, _seeds(row.seeds), *levels, minutes, memory]


def _differences(row: BenchmarkRow, base: BenchmarkRow | None, *, narrow: bool) -> list[str]:
    """Write a row as differences from another, itself as it is."""
    if row is base:
        return [row.name, _seeds(row.seeds), *(_level(values, row.seeds, narrow=narrow) for values in _figures(row))]
    seeds = [seed for seed in row.seeds if base is not None and seed in base.seeds]
    if base is None or not seeds:
        return [row.name, MISSING, *[MISSING for _ in _figures(row)]]
    pairs = [[[values[one.seeds.index(seed)] for seed in seeds] for values in _figures(one)] for one in (row, base)]
    return [row.name, _seeds(seeds), *(change(now, before, narrow=narrow) for now, before in zip(*pairs, strict=True))]


def _figures(row: BenchmarkRow) -> list[Sequence[float]]:
    """Select what the table shows: values over seeds, a column each."""
    protocols = [name for search in _SEARCHES for name in row.figures if search in name]
    return [row.figures[protocol][name] for protocol in protocols for name in _FIGURES]


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
