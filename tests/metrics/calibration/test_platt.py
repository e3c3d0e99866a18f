"""Platt's function, and what judged results of searches may change in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mvd.metrics.calibration.pair_statistics import PLACES
from mvd.metrics.calibration.platt import FEW_QUERIES, Judged, fit_platt, fit_slope

MEANS, SPREAD = (0.6, 0.1), 0.15
TRUE = (MEANS[0] - MEANS[1]) / SPREAD**2
"""The slope of the log-odds of two normal distributions of one spread; they are even in the middle of the means."""


def counted(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    bins = np.clip(((values + 1) * len(PLACES) / 2).astype(int), 0, len(PLACES) - 1)
    return np.bincount(bins, minlength=len(PLACES))


def held_out(spread: float = SPREAD) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    return counted(rng.normal(MEANS[0], spread, 5_000)), counted(rng.normal(MEANS[1], spread, 50_000))


def searches(count: int, *, others: int = 50, shown: int = 10, seed: int = 1) -> Judged:
    """Search among two pictures of the person and others; look at the nearest, and judge right ones more often."""
    rng = np.random.default_rng(seed)
    similarities, same, queries = list[float](), list[bool](), list[int]()
    for query in range(count):
        values = np.concatenate([rng.normal(MEANS[0], SPREAD, 2), rng.normal(MEANS[1], SPREAD, others)])
        for at in np.argsort(-values)[:shown].tolist():
            if rng.random() < (0.9 if at < 2 else 0.3):
                similarities.append(float(values[at]))
                same.append(at < 2)
                queries.append(query)
    return Judged(np.array(similarities), np.array(same), np.array(queries))


def only(judged: Judged, rows: npt.NDArray[np.bool_]) -> Judged:
    return Judged(judged.similarities[rows], judged.same[rows], judged.queries[rows])


def test_it_agrees_with_a_slow_search_for_the_least_loss() -> None:
    same, other = held_out()
    slope, offset = fit_platt(same, other)
    yes, no = same.sum(), other.sum()

    def loss(a: float, b: float) -> float:
        odds = a * PLACES + b
        high, low = (yes + 1) / (yes + 2), 1 / (no + 2)
        return float(
            (same / yes) @ (np.logaddexp(0, odds) - high * odds) + (other / no) @ (np.logaddexp(0, odds) - low * odds)
        )

    least = loss(slope, offset)
    assert all(loss(slope + da, offset + db) > least for da in (-0.1, 0, 0.1) for db in (-0.05, 0, 0.05) if da or db)
    assert slope == pytest.approx(TRUE, rel=0.05)
    assert -offset / slope == pytest.approx(sum(MEANS) / 2, abs=0.01)


def test_the_slope_of_judged_pairs_is_that_of_all_whatever_was_shown_and_judged() -> None:
    found = fit_slope(searches(1000))
    assert abs(found.value - TRUE) < 3 * found.error
    assert found.error < 0.2 * TRUE


def test_judged_pairs_move_the_slope_and_leave_the_even_odds_where_they_are() -> None:
    same, other = held_out(spread=0.25)  # of other cameras: the odds rise more slowly there
    before, _ = fit_platt(same, other)
    judged = searches(1000)
    after, offset = fit_platt(same, other, people=100, judged=judged)
    assert before < 0.5 * TRUE
    assert 0.7 * TRUE < after < 1.1 * TRUE
    assert -offset / after == pytest.approx(sum(MEANS) / 2, abs=0.02)
    # What is wrong with adding them to the others: only the most similar of two people were ever shown.
    wrong = counted(judged.similarities[~judged.same])
    right = counted(judged.similarities[judged.same])
    naive, shifted = fit_platt(right, wrong)
    assert -shifted / naive > sum(MEANS) / 2 + 0.05


def test_more_people_hold_the_slope_where_it_is() -> None:
    same, other = held_out(spread=0.25)
    slopes = [fit_platt(same, other, people=people, judged=searches(50))[0] for people in (1, 100, 10_000)]
    assert slopes[0] > slopes[1] > slopes[2] == pytest.approx(fit_platt(same, other)[0], rel=0.05)


def test_verdicts_of_one_query_count_once() -> None:
    once = searches(40)
    repeated = Judged(np.tile(once.similarities, 2), np.tile(once.same, 2), np.tile(once.queries, 2))
    assert fit_slope(repeated).value == pytest.approx(fit_slope(once).value, rel=1e-6)
    assert fit_slope(repeated).error == pytest.approx(fit_slope(once).error, rel=1e-6)


def test_few_or_one_sided_verdicts_are_not_enough() -> None:
    judged = searches(FEW_QUERIES * 2)
    assert judged.enough
    assert not only(judged, judged.queries < FEW_QUERIES - 1).enough
    assert not only(judged, judged.same).enough
