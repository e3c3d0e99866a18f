"""The ablation's table: means and deviations over seeds, and changes seed by seed."""

from __future__ import annotations

from rich.console import Console

from mvd.report.ablation import RungResult, ablation_markdown, ablation_tables

NAME = "sysu/all-search/single-shot/seeded"


def _rung(adds: str, rank_1: tuple[float, ...]) -> RungResult:
    figures = {"rank_1": rank_1, "mAP": tuple(value / 2 for value in rank_1), "mINP": (0.125,) * len(rank_1)}
    return RungResult(name=adds, adds=adds, figures={NAME: figures})


def test_changes_are_taken_seed_by_seed() -> None:
    text = ablation_markdown([_rung("encoders", (0.1, 0.5)), _rung("+ VSD", (0.2, 0.6)), _rung("+ VCD", (0.2, 0.58))])
    lines = text.splitlines()
    assert lines[0] == f"`{NAME}`"
    assert lines[4] == "| encoders | 30.0 ± 28.3 | 15.0 ± 14.1 | 12.5 ± 0.0 |  |  |"
    assert lines[5] == "| + VSD | 40.0 ± 28.3 | 20.0 ± 14.1 | 12.5 ± 0.0 | +10.0 ± 0.0 | +5.0 ± 0.0 |"
    assert lines[6].endswith("| -1.0 ± 1.4 | -0.5 ± 0.7 |")


def test_a_single_seed_has_no_deviation() -> None:
    assert "| encoders | 10.0 | 5.0 | 12.5 |  |  |" in ablation_markdown([_rung("encoders", (0.1,))])


def test_the_screen_fits_into_eighty_columns() -> None:
    console = Console(width=80, record=True)
    console.print(*ablation_tables([_rung("specific + shared encoders", (0.1, 0.5)), _rung("+ CML", (0.6, 0.7))]))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "+35.0 ± 21.2" in text
