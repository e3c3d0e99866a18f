"""Platt scaling of similarities, from held-out people and from verdicts on search results.

Search results with verdicts (judged pairs) are a biased sample of pairs: a search shows only the most similar pictures,
and users choose which of them to judge. The fraction of right ones therefore does not estimate the probability of the
same identity at a similarity. The slope of the log-odds, however, is not affected, if the chance that a pair is judged
is a product of a factor of its similarity and a factor of being right. Then the log-odds of judged pairs are shifted by
a constant and have the same slope (Prentice and Pyke, Biometrika 1979, for case-control studies). A joint fit therefore
estimates one slope from held-out people and judged pairs, an offset from held-out people only, and a separate offset
for the judged pairs, which is discarded.

Shapes: S histogram bins, M judged pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.metrics.calibration.pair_statistics import PLACES

FEW_QUERIES = 10
"""Minimum number of queries with judged pairs."""

_STEPS = 100


class Judged(NamedTuple):
    """Judged pairs: a query and a search result with a verdict.

    Attributes:
        similarities: (M,) similarities of the pairs.
        same: (M,) whether the verdict is the same person.
        queries: (M,) an integer that identifies the query.
    """

    similarities: npt.NDArray[np.float64]
    same: npt.NDArray[np.bool_]
    queries: npt.NDArray[np.int64]

    @property
    def enough(self) -> bool:
        """Whether there are enough queries, with right and wrong results."""
        return len(np.unique(self.queries)) >= FEW_QUERIES and 0 < self.same.sum() < len(self.same)


class Slope(NamedTuple):
    """A slope of the log-odds and its standard error, counting each query once."""

    value: float
    error: float


class _Points(NamedTuple):
    """Rows of a logistic regression: design matrix, weights, and targets from 0 to 1."""

    design: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    targets: npt.NDArray[np.float64]


def fit_platt(
    same: npt.NDArray[np.int64], other: npt.NDArray[np.int64], *, people: int = 1, judged: Judged | None = None
) -> tuple[float, float]:
    """Fit the slope and the offset of the log-odds, for a prior of 0.5.

    Platt's smoothed targets keep the slope finite if the two distributions do not overlap.

    Args:
        same: (S,) number of pairs of the same person in each bin of `PLACES`.
        other: (S,) number of pairs of two people in each bin.
        people: number of people in these pairs. The pairs count as that many observations, since pairs that share a
            person are dependent; each judged query counts as one observation.
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
    # Uninformative embeddings can give a negative slope by chance; then the similarity is not used.
    return (float(slope), float(offset)) if slope > 0 else (0.0, 0.0)


def fit_slope(judged: Judged) -> Slope:
    """Fit the slope to judged pairs only, with a free offset."""
    found, curvature = _fit(_points_of(judged))
    return Slope(float(found[0]), float(np.sqrt(np.linalg.inv(curvature[::2, ::2])[0, 0])))


def _points_of(judged: Judged) -> _Points:
    """Build the rows of judged pairs; all pairs of a query together count as one observation."""
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
    """Fit the log-odds by Newton's method; return the coefficients and the Hessian of the loss."""
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
        curvature += 1e-12 * np.eye(len(found))  # regularises coefficients without effect
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while loss(found - size * step) > loss(found) and size > 1e-6:
            size /= 2
        found = found - size * step
        if np.abs(size * step).max() < 1e-9:
            break
    return found, curvature
