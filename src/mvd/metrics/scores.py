"""Scores: the results of a protocol, and `evaluate`, which computes them from features.

All figures are fractions from 0 to 1. Deviations are those of the population of trials (divided by T, not T − 1).
Shapes: T trials, R ranks, Q queries, G gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.galleries.official import Permutations
from mvd.data.samples import JUNK, Samples
from mvd.errors import ProtocolError
from mvd.metrics.cmc import Exclusion, Gallery, Labels, QueryScores, count_ranks, has_match, score_queries, summarise
from mvd.metrics.distances import cosine_strips
from mvd.metrics.features import Features
from mvd.metrics.galleries import Trial, draw_trials
from mvd.metrics.protocols import Protocol, find_protocol
from mvd.metrics.ranking import Floats
from mvd.metrics.rerank import Reranking, require_neighbours, rerank_descriptors

PLAIN = "cosine"
"""Name of the ranking without re-ranking."""

FIGURES = ("rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP")
"""Printed names of the figures."""


class Figures(NamedTuple):
    """CMC at ranks 1, 5, 10 and 20, mAP and mINP, from 0 to 1.

    Example:
        >>> Figures(0.5, 1, 1, 1, 0.75, 0.75).named()["rank-1"]
        0.5
    """

    rank_1: float
    rank_5: float
    rank_10: float
    rank_20: float
    mAP: float
    mINP: float

    def named(self) -> dict[str, float]:
        """Return the figures by printed name: "rank-1", "rank-5", "rank-10", "rank-20", "mAP", "mINP"."""
        return dict(zip(FIGURES, self, strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The results of a protocol.

    Attributes:
        protocol: name of the protocol.
        ranking: how the gallery was ranked: "cosine", optionally with a re-ranking and its parameters.
        queries: number of queries.
        valid_queries: queries with a match in the gallery, the same in every trial; the means are over them.
        gallery: number of gallery pictures in each trial.
        people: distinct identities among the queries.
        cmc: (T, R) CMC at ranks 1…R; R is 20, or less if the gallery has fewer people.
        mAP: (T,) mean average precision.
        mINP: (T,) mean inverse negative penalty.

    Example:
        >>> scores = Scores(protocol="own", ranking="cosine", queries=4, valid_queries=4, gallery=2, people=2,
        ...                 cmc=np.array([[0.5, 1.0], [1.0, 1.0]]), mAP=np.ones(2), mINP=np.ones(2))
        >>> scores.mean.rank_1, scores.std.rank_1, scores.rank(2).tolist()
        (0.75, 0.25, [1.0, 1.0])
    """

    protocol: str
    ranking: str
    queries: int
    valid_queries: int
    gallery: int
    people: int
    cmc: npt.NDArray[np.float64]
    mAP: npt.NDArray[np.float64]
    mINP: npt.NDArray[np.float64]

    @property
    def trials(self) -> int:
        """T, the number of trials."""
        return len(self.cmc)

    def rank(self, k: int) -> npt.NDArray[np.float64]:
        """Return CMC at rank k, 1…20, of each trial, (T,); it is 1 beyond the last rank R."""
        return self.cmc[:, min(k, self.cmc.shape[1]) - 1]

    @property
    def mean(self) -> Figures:
        """Means over the trials."""
        return Figures(*(float(np.mean(values)) for values in self._per_trial()))

    @property
    def std(self) -> Figures:
        """Population standard deviations over the trials; 0 for a single trial."""
        return Figures(*(float(np.std(values)) for values in self._per_trial()))

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dictionary for JSON; figures are fractions from 0 to 1."""
        fields = asdict(self)
        trials = {name: fields.pop(name).tolist() for name in ("cmc", "mAP", "mINP")}
        return {**fields, "mean": self.mean._asdict(), "std": self.std._asdict(), "trials": trials}

    def _per_trial(self) -> list[npt.NDArray[np.float64]]:
        """List the (T,) values of each of `Figures`."""
        return [*(self.rank(k) for k in (1, 5, 10, 20)), self.mAP, self.mINP]


def evaluate(
    features: Features,
    protocol: Protocol | str,
    permutations: Permutations | None = None,
    *,
    reranking: Reranking | None = None,
) -> Scores:
    """Evaluate descriptors by cosine distance, optionally with re-ranking.

    Args:
        features: the pictures of the people under evaluation, of both modalities; pictures of cameras that the
            protocol does not use are ignored.
        protocol: a protocol or its name.
        permutations: the official galleries, for protocols that use them.
        reranking: parameters of k-reciprocal re-ranking. Report its figures in addition to the plain ones, not instead.

    Raises:
        ProtocolError: the protocol does not fit the pictures: no queries, no gallery, no query with a match, or
            permutations that are missing or do not fit.

    Example:
        >>> from mvd.data.samples import Modality, Row, from_rows
        >>> rows = [Row(f"{m.name}/{i}.jpg", i, m + 1, m) for m in Modality for i in (1, 2)]
        >>> features = Features(descriptors=np.eye(2)[[0, 1, 0, 0]], samples=from_rows(rows))
        >>> evaluate(features, "own/infrared-to-visible").mean.rank_1
        0.5
    """
    if isinstance(protocol, str):
        protocol = find_protocol(protocol)
    samples = features.samples
    trials = draw_trials(protocol, samples, permutations)
    if reranking is None:
        parts = _score_by_cosine(features, trials, protocol)
    else:
        parts = [[_score_reranked(features, trial, protocol, reranking)] for trial in trials]
    # Every trial draws from the same people and cameras, so all trials have the counts of the first.
    queries, gallery = trials[0]
    ranks = count_ranks(_labels(samples, gallery), protocol.counting)
    scores = [summarise(part, ranks=ranks) for part in parts]
    return Scores(
        protocol=protocol.name,
        ranking=ranking_name(reranking),
        queries=len(queries),
        valid_queries=scores[0].valid,
        gallery=len(gallery),
        people=len(np.unique(samples.identities[queries])),
        cmc=np.stack([trial.cmc for trial in scores]),
        mAP=np.array([trial.mAP for trial in scores]),
        mINP=np.array([trial.mINP for trial in scores]),
    )


def ranking_name(reranking: Reranking | None) -> str:
    """Name the ranking of a gallery, as in `Scores.ranking`."""
    return PLAIN if reranking is None else f"{PLAIN} + {reranking.name}"


def rehearse(
    samples: Samples,
    protocol: Protocol,
    permutations: Permutations | None = None,
    *,
    reranking: Reranking | None = None,
) -> None:
    """Draw the trials of an evaluation and check for matches, so that errors occur before expensive computations.

    Args:
        samples: the pictures of the people under evaluation.
        protocol: as for `evaluate`.
        permutations: the official galleries, for protocols that use them.
        reranking: as for `evaluate`.

    Raises:
        ProtocolError: `evaluate` would raise it for these pictures with any descriptors.
    """
    for trial in draw_trials(protocol, samples, permutations):
        queries, gallery = (_labels(samples, rows) for rows in trial)
        if reranking is not None:
            require_neighbours(reranking.k1, len(trial.queries), len(trial.gallery))
        if not has_match(queries, Gallery.of(gallery), exclusion=protocol.exclusion):
            cameras = (
                "; pictures of a person by the query's own camera do not count, so give the cameras of both modalities "
                "different numbers, or leave the cameras empty"
                if protocol.exclusion is Exclusion.SAME_IDENTITY_AND_CAMERA
                else "; add pictures of the same people in both modalities and in these cameras"
            )
            raise ProtocolError(
                f"{protocol.name}: expected queries whose person is in the gallery, found none among "
                f"{len(trial.queries)}{cameras}"
            )


def join_trials(results: Sequence[Scores]) -> Scores:
    """Join the scores of RegDB's trials, each with its own network, into one with T trials.

    Args:
        results: scores of one direction and ranking, each trial once, in any order.

    Raises:
        ProtocolError: the scores are not of RegDB, differ in direction, ranking or size, or a trial occurs twice.

    Example:
        >>> one = Scores(protocol="regdb/visible-to-thermal/trial-1", ranking="cosine", queries=2, valid_queries=2,
        ...              gallery=2, people=2, cmc=np.ones((1, 2)), mAP=np.ones(1), mINP=np.ones(1))
        >>> join_trials([one, replace(one, protocol="regdb/visible-to-thermal/trial-2")]).protocol
        'regdb/visible-to-thermal/trials-1-2'
    """
    parts = sorted((*_direction_and_trial(result), place) for place, result in enumerate(results))
    ordered = [results[place] for _, _, place in parts]
    trials = [trial for _, trial, _ in parts]
    alike = {
        (name, result.ranking, result.queries, result.valid_queries, result.gallery, result.people)
        for (name, _, _), result in zip(parts, ordered, strict=True)
    }
    if len(alike) != 1 or len(set(trials)) != len(trials):
        raise ProtocolError(
            f"expected different trials of one direction of RegDB to join, found "
            f"{', '.join(result.protocol for result in results)}"
        )
    whole = trials == list(range(trials[0], trials[-1] + 1))
    span = f"{trials[0]}-{trials[-1]}" if whole else ",".join(map(str, trials))
    return replace(
        ordered[0],
        protocol=f"{parts[0][0]}/trials-{span}",
        cmc=np.concatenate([result.cmc for result in ordered]),
        mAP=np.concatenate([result.mAP for result in ordered]),
        mINP=np.concatenate([result.mINP for result in ordered]),
    )


def _direction_and_trial(result: Scores) -> tuple[str, int]:
    direction, separator, trial = result.protocol.partition("/trial-")
    if not separator:
        raise ProtocolError(f"expected results of RegDB's trials to join, found one of {result.protocol}")
    return direction, int(trial)


def _score_by_cosine(features: Features, trials: Sequence[Trial], protocol: Protocol) -> list[list[QueryScores]]:
    """Score the queries of every trial, in one part or several.

    The galleries of trials overlap, so each query is compared once with their union, a strip of queries at a time; each
    trial selects its columns.
    """
    samples = features.samples
    queries = np.unique(np.concatenate([trial.queries for trial in trials]))
    drawn = np.unique(np.concatenate([trial.gallery for trial in trials]))
    rows = [np.searchsorted(queries, np.sort(trial.queries)) for trial in trials]
    columns = [np.searchsorted(drawn, trial.gallery) for trial in trials]
    galleries = [Gallery.of(_labels(samples, trial.gallery)) for trial in trials]
    parts: list[list[QueryScores]] = [[] for _ in trials]
    for strip, distances in cosine_strips(features.descriptors, queries, drawn):
        for part, within, taken, gallery in zip(parts, rows, columns, galleries, strict=True):
            here = within[(within >= strip.start) & (within < strip.stop)]
            if len(here):  # drawn queries differ between trials
                chosen = _select(distances, here - strip.start, taken)
                part.append(_score(chosen, _labels(samples, queries[here]), gallery, protocol))
    return parts


def _score_reranked(features: Features, trial: Trial, protocol: Protocol, reranking: Reranking) -> QueryScores:
    """Score the queries of a trial by re-ranked distance, which depends on all queries and the gallery of the trial."""
    distances = rerank_descriptors(features.descriptors[trial.queries], features.descriptors[trial.gallery], reranking)
    queries, gallery = (_labels(features.samples, rows) for rows in trial)
    return _score(distances, queries, Gallery.of(gallery), protocol)


def _score(distances: Floats, queries: Labels, gallery: Gallery, protocol: Protocol) -> QueryScores:
    return score_queries(distances, queries, gallery, exclusion=protocol.exclusion, counting=protocol.counting)


def _labels(samples: Samples, rows: npt.NDArray[np.intp]) -> Labels:
    """Return the labels of pictures; each junk picture gets its own identity."""
    identities = samples.identities[rows]
    alone = samples.identities.min() - 1 - rows
    return Labels(np.where(identities == JUNK, alone, identities), samples.cameras[rows])


def _select(distances: Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Floats:
    """Select rows and columns of distances; a view if all are selected in order."""
    height, width = distances.shape
    if len(rows) != height:
        distances = distances[rows]
    if len(columns) != width or not np.array_equal(columns, np.arange(width)):
        distances = np.take(distances, columns, axis=1)
    return distances
