"""The benchmark's table: means over seeds with intervals, rows without training, several spectra, 80 columns."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from mvd.errors import ConfigError
from mvd.reporting.benchmark import benchmark_markdown, benchmark_tables
from mvd.results.benchmark import BenchmarkResult, BenchmarkRow

ALL, INDOOR = (f"sysu/{search}/single-shot/official" for search in ("all-search", "indoor-search"))
VALUES = (0.31, 0.35, 0.36)


def row(name: str, values: tuple[float, ...], *, spectrum: str = "near-infrared", trained: bool = True) -> BenchmarkRow:
    figures = {"rank_1": values, "mAP": tuple(value / 2 for value in values)}
    seeds = range(len(values)) if trained else ()
    return BenchmarkRow(
        name=name,
        spectrum=spectrum,
        seeds=seeds,
        figures={ALL: figures, INDOOR: figures},
        minutes=[5.0 + seed for seed in seeds],
        memory=[1e9 for _ in seeds],
        versions=["0.3.0 abc" for _ in seeds],
    )


def result(*rows: BenchmarkRow, pixels: bool = True) -> BenchmarkResult:
    spectra = dict.fromkeys((row.spectrum for row in rows), pixels)
    return BenchmarkResult(version="rendered-1", size="small", pixels=spectra, rows=rows)


def test_a_row_has_means_intervals_minutes_memory_and_version() -> None:
    lines = benchmark_markdown(result(row("mvd", VALUES), row("mvd-strong", (0.5,)))).splitlines()
    bounds = stats.ttest_1samp(np.multiply(100, VALUES), 0).confidence_interval(0.95)
    assert lines[0] == "rendered-1, small, near-infrared"
    assert f"| mvd | 3 | 34.0 [{bounds.low:.1f}, {bounds.high:.1f}] | 17.0 [" in lines[4]
    assert lines[4].endswith("| 6.0 | 1.00 | 0.3.0 abc |")
    assert "| mvd-strong | 1 | 50.0 | 25.0 | 50.0 | 25.0 | 5.0 | 1.00 | 0.3.0 abc |" in lines[5]


def test_rows_without_training_have_neither_seeds_nor_intervals() -> None:
    text = benchmark_markdown(result(row("chance", VALUES, trained=False)))
    assert "| chance | – | 34.0 | 17.0 | 34.0 | 17.0 | – | – | – |" in text


def test_rows_are_compared_with_another_seed_by_seed() -> None:
    base, other = row("mvd", VALUES), row("no average", (0.30, 0.31, 0.33, 0.9))
    lines = benchmark_markdown(result(base, other, row("chance", VALUES, trained=False)), "mvd").splitlines()
    bounds = stats.ttest_1samp([-1.0, -4.0, -3.0], 0).confidence_interval(0.95)
    assert "| mvd | 3 | 34.0 [" in lines[4]
    assert f"| no average | 3 | -2.7 [{bounds.low:+.1f}, {bounds.high:+.1f}] | -1.3 [" in lines[5]
    assert lines[-2:] == [
        "in %; means over seeds [95 % interval]",
        "Differences from mvd, seed by seed, over the seeds that both have.",
    ]
    assert not any("chance" in line for line in lines)
    with pytest.raises(ConfigError, match=r"against: expected a row that was trained here \(mvd, no average\)"):
        benchmark_tables(result(base, other), "agw")


def test_each_spectrum_has_a_table_and_other_pixels_a_mark() -> None:
    text = benchmark_markdown(result(row("mvd", VALUES), row("mvd", (0.2,), spectrum="thermal"), pixels=False))
    assert "rendered-1, small, near-infrared †" in text
    assert "rendered-1, small, thermal †" in text
    assert "† this machine renders other pixels than rendered-1 names" in text


def test_the_screen_fits_into_eighty_columns() -> None:
    console = Console(width=80, record=True)
    console.print(*benchmark_tables(result(row("mvd-strong-small", VALUES), row("colour histogram", VALUES))), sep="\n")
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "mvd-strong-small" in text
    assert "34.0 ±6.6" in text
    assert "± half the 95 % interval" in text
