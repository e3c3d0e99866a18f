"""The results table as it is printed at 80 columns, without colour."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from rich.console import Console
from tiny_scores import RERANKED, spread, sysu_scores

from mvd.metrics.scores import Scores
from mvd.reporting.tables import results_table


def _result(protocol: str, *, share: float = 0.6, trials: int = 2, **fields: Any) -> Scores:
    apart = spread(trials, 0.01)
    cmc = np.minimum(share + apart[:, None] + np.linspace(0, 0.3, 20), 1)
    return sysu_scores(cmc, share - 0.05 + apart, protocol=protocol, **fields)


def _print(rows: list[tuple[str, Scores]]) -> str:
    text = io.StringIO()
    Console(file=text, width=80, color_system=None).print(results_table(rows))
    return text.getvalue()


def test_figures_are_percentages_with_their_deviation_and_the_caption_says_of_what() -> None:
    printed = _print([("mvd", _result("sysu/all-search/single-shot/official"))])
    for expected in (
        "rank-1",
        "rank-20",
        "mINP",
        "sysu/all-search/single-shot/official: 3803 queries, 2208 with a match, gallery 301, 2 trials",
        "mean ± population standard deviation",
    ):
        assert expected in " ".join(printed.split())
    means, deviations = (line.split() for line in printed.splitlines() if "." in line and "(" not in line[:4])
    assert means == ["mvd", "60.00", "66.32", "74.21", "90.00", "55.00", "100.00"]
    assert deviations == ["±1.00"] * 5 + ["±0.00"]


def test_the_widest_figures_and_a_long_label_fit_without_losing_a_character() -> None:
    label = "a-label-that-is-much-too-long-for-its-column [bold]"
    printed = _print([(label, _result("sysu/all-search/single-shot/official", share=1.0, trials=10))])
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    body = printed.split("─")[-1].split("sysu/")[0]
    folded = "".join(re.sub(r"±?\d+\.\d+", "", body).split())
    assert folded.replace(" ", "") == label.replace(" ", "")


def test_rows_of_one_protocol_share_a_caption_line() -> None:
    printed = _print([("first", _result("p")), ("second", _result("p", share=0.5))])
    assert printed.count("p: 3803") == 1
    assert "(1)" not in printed
    assert printed.index("first") < printed.index("second")


def test_rows_of_different_protocols_are_numbered_in_the_caption() -> None:
    printed = _print([("a", _result("p")), ("b", _result("q", gallery=112, trials=1)), ("c", _result("p"))])
    labels = [line[:6].strip() for line in printed.splitlines() if line.count("60.00") == 1]
    assert labels == ["a (1)", "b (2)", "c (1)"]
    caption = " ".join(printed.split())
    assert "(1) p: 3803 queries, 2208 with a match, gallery 301, 2 trials" in caption
    assert "(2) q: 3803 queries, 2208 with a match, gallery 112, 1 trial" in caption


def test_a_re_ranked_row_says_so_and_the_caption_how() -> None:
    printed = _print([("best", _result("p")), ("best", _result("p", share=0.5, ranking=RERANKED))])
    labels = [line[:16].strip() for line in printed.splitlines() if ".00" in line and "±" not in line]
    assert labels == ["best", "best re-ranked"]
    assert printed.count("p: 3803") == 1
    assert f"re-ranked: {RERANKED}" in " ".join(printed.split())
    assert "re-ranked" not in _print([("best", _result("p"))])


def test_re_rankings_that_differ_are_told_apart_in_their_rows() -> None:
    other = RERANKED.replace("20", "30")
    printed = _print([("a", _result("p", ranking=RERANKED)), ("b", _result("p", ranking=other))])
    folded = " ".join(re.sub(r"±?\d+\.\d\d", "", printed).split())
    assert f"a re-ranked, {RERANKED} b re-ranked, {other}" in folded
    assert f"re-ranked: {RERANKED} re-ranked: {other}" in folded
