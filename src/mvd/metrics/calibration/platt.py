"""Platt's logistic function of a similarity, and what judged results of searches may say about it.

Results that somebody has judged are no fair sample of pairs: a search shows only the most similar pictures, and people
judge those that they like to judge. So the share of right ones among them says nothing about the chance of one person
at a similarity. What survives such a choice is how fast the odds rise. If whether a pair is judged depends on its
similarity and on whether it is right, each by a factor of its own, then among judged pairs the log-odds are shifted by
a constant and have the same slope (Prentice and Pyke, Biometrika 1979, for cases and controls). So a fit to both takes
the slope from held-out people and judged pairs, a shift for the judged ones, which is thrown away, and the offset from
held-out people alone.

Shapes: S places of a histogram, M judged pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.metrics.calibration.pair_statistics import PLACES

FEW_QUERIES = 10
"""Judged pairs of fewer queries are not learnt from."""

_STEPS = 100


class Judged(NamedTuple):
    """Pairs of a query and a result that somebody has judged.

    Attributes:
        similarities: (M,) of the two.
        same: (M,) whether they show one person.
        queries: (M,) any number for each query.
    """

    similarities: npt.NDArray[np.float64]
    same: npt.NDArray[np.bool_]
    queries: npt.NDArray[np.int64]

    @property
    def enough(self) -> bool:
        """Whether there are right and wrong ones, of enough queries."""
        return len(np.unique(self.queries)) >= FEW_QUERIES and 0 < self.same.sum() < len(self.same)


class Slope(NamedTuple):
    """A slope of the log-odds, and its standard error, where each query counts once."""

    value: float
    error: float


class _Points(NamedTuple):
    """Rows of a regression: what they depend on, how much they count, and the targets, from 0 to 1."""

    design: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    targets: npt.NDArray[np.float64]


def fit_platt(
    same: npt.NDArray[np.int64], other: npt.NDArray[np.int64], *, people: int = 1, judged: Judged | None = None
) -> tuple[float, float]:
    """Fit the slope and the offset of the log-odds, for pairs of which half show one person.

    Platt's targets, which are not quite 0 and 1, keep it finite where the two kinds do not overlap.

    Args:
        same: (S,) pairs of one person at each similarity of `PLACES`.
        other: (S,) likewise of two people.
        people: how many people these pairs are of. They count as so many observations, since pairs that share a person
            depend on each other; each judged query counts as one.
        judged: judged pairs, for the slope.

    Returns:
        Slope, 0 or more, and log-odds at similarity 0.
    """
    yes, no = same.sum(), other.sum()
    design = np.column_stack([np.tile(PLACES, 2), np.ones(2 * len(PLACES)), np.zeros(2 * len(PLACES))])
    weights = np.concatenate([same / (2 * yes), other / (2 * no)])
    targets = np.repeat([(yes + 1) / (yes + 2), 1 / (no + 2)], len(PLACES))
    kept = weights > 0
    points = _Points(design[kept], weights[kept], targets[kept])
    if judged is not None:
        more = _points_of(judged)
        points = _Points(
            np.concatenate([points.design, more.design]),
            np.concatenate([points.weights * people, more.weights]),
            np.concatenate([points.targets, more.targets]),
        )
    slope, offset, _ = _fit(points)[0]
    # Embeddings that know nothing could give a falling curve by chance: then similarity says nothing.
    return (float(slope), float(offset)) if slope > 0 else (0.0, 0.0)


def fit_slope(judged: Judged) -> Slope:
    """Fit the slope to judged pairs alone, whatever their shift is."""
    found, curvature = _fit(_points_of(judged))
    return Slope(float(found[0]), float(np.sqrt(np.linalg.inv(curvature[::2, ::2])[0, 0])))


def _points_of(judged: Judged) -> _Points:
    """Make rows of judged pairs; those of a query count as one observation together."""
    _, query, counts = np.unique(judged.queries, return_inverse=True, return_counts=True)
    zeros, ones = np.zeros(len(judged.same)), np.ones(len(judged.same))
    weights = 1 / counts[query]
    yes, no = weights[judged.same].sum(), weights[~judged.same].sum()
    return _Points(
        np.column_stack([judged.similarities, zeros, ones]),
        weights,
        np.where(judged.same, (yes + 1) / (yes + 2), 1 / (no + 2)),
    )


def _fit(points: _Points) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fit log-odds by Newton's method; return the coefficients and the curvature of the loss there."""
    design, weights, targets = points
    found = np.zeros(design.shape[1])

    def loss(at: npt.NDArray[np.float64]) -> float:
        odds = design @ at
        return float(weights @ (np.logaddexp(0, odds) - targets * odds))

    for _ in range(_STEPS):
        odds = design @ found
        probability = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
        gradient = design.T @ (weights * (probability - targets))
        curvature = (design * (weights * probability * (1 - probability))[:, None]).T @ design
        curvature += 1e-12 * np.eye(len(found))  # also where nothing depends on a coefficient
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while loss(found - size * step) > loss(found) and size > 1e-6:
            size /= 2
        found = found - size * step
        if np.abs(size * step).max() < 1e-9:
            break
    return found, curvature
