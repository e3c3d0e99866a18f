"""The ablation's table: means and deviations over seeds, and changes seed by seed with their interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from rich.console import Console
from scipy import stats

from mvd.reporting.ablation import ablation_markdown, ablation_tables
from mvd.results.ablation import RungResult

NAME = "sysu/all-search/single-shot/seeded"


def _rungs(*rungs: RungResult) -> list[RungResult]:
    """Compare each with the one above."""
    return [replace(rung, against=above) for rung, above in zip(rungs, [None, *(r.name for r in rungs)], strict=False)]


def _rung(adds: str, rank_1: tuple[float, ...], *, bottleneck: bool = False) -> RungResult:
    figures = {NAME: {"rank_1": rank_1, "mAP": tuple(value / 2 for value in rank_1)}}
    descriptors = ("observation", "representation") if bottleneck else ("observation",)
    return RungResult(name=adds, adds=adds, against=None, figures=dict.fromkeys(descriptors, figures))


def test_changes_are_taken_seed_by_seed() -> None:
    rungs = _rungs(_rung("encoders", (0.1, 0.5)), _rung("+ VSD", (0.2, 0.6)), _rung("+ VCD", (0.2, 0.58)))
    text = ablation_markdown(rungs)
    lines = text.splitlines()
    assert lines[0] == f"{NAME}, by observation"
    assert lines[4] == "| encoders | 30.0 ± 28.3 | 15.0 ± 14.1 |  |  |"
    assert lines[5] == "| + VSD | 40.0 ± 28.3 | 20.0 ± 14.1 | +10.0 [+10.0, +10.0] | +5.0 [+5.0, +5.0] |"
    assert lines[6].endswith("| -1.0 [-13.7, +11.7] | -0.5 [-6.9, +5.9] |")


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    before, after = (0.50, 0.52, 0.47, 0.55, 0.51), (0.53, 0.51, 0.52, 0.56, 0.55)
    interval = stats.ttest_rel(np.multiply(100, after), np.multiply(100, before)).confidence_interval(0.95)
    expected = f"+2.4 [{interval.low:+.1f}, {interval.high:+.1f}]"
    assert expected in ablation_markdown(_rungs(_rung("encoders", before), _rung("+ VSD", after)))


def test_a_rung_without_bottlenecks_is_left_out_where_representations_are_shown() -> None:
    others = (_rung(name, (0.3, 0.4), bottleneck=True) for name in ("+ B", "+ VSD"))
    rungs = _rungs(_rung("encoders", (0.1, 0.2)), *others)
    by_observation, by_representation = ablation_markdown(rungs).split(f"{NAME}, by representation")
    assert "| encoders |" in by_observation
    assert "| encoders |" not in by_representation
    assert "| + B | 30.0 ± 0.0" not in by_representation
    assert "| + B | 35.0 ± 7.1 | 17.5 ± 3.5 |  |  |" in by_representation
    assert "| + VSD | 35.0 ± 7.1 | 17.5 ± 3.5 | +0.0 [+0.0, +0.0] |" in by_representation


def test_a_single_seed_has_neither_deviation_nor_interval() -> None:
    text = ablation_markdown(_rungs(_rung("encoders", (0.1,)), _rung("+ VSD", (0.2,))))
    assert "| encoders | 10.0 | 5.0 |  |  |" in text
    assert "| + VSD | 20.0 | 10.0 | +10.0 | +5.0 |" in text


def test_the_screen_fits_into_eighty_columns() -> None:
    console = Console(width=80, record=True)
    rungs = _rungs(_rung("specific + shared encoders", (0.1, 0.5)), _rung("+ CML", (0.61, 0.32)))
    console.print(*ablation_tables(rungs), sep="\n")
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "[-421.9, +454.9]" in text
    assert "95 % interval" in text


def test_settings_of_ones_own_are_compared_with_the_first_row() -> None:
    rungs = [
        _rung("as it is", (0.5, 0.6)),
        replace(_rung("no flip", (0.4, 0.5)), against="as it is"),
        replace(_rung("strips", (0.6, 0.7)), against="as it is"),
    ]
    text = ablation_markdown(rungs)
    assert "| no flip | 45.0 ± 7.1 | 22.5 ± 3.5 | -10.0 [-10.0, -10.0] |" in text
    assert "| strips | 65.0 ± 7.1 | 32.5 ± 3.5 | +10.0 [+10.0, +10.0] |" in text
    assert "Δ against the first row" in text
