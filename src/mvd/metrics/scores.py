"""Evaluation: features and a protocol in, figures with their mean and deviation over trials out.

The trials of a protocol draw overlapping galleries, so each query is compared once with the union of what any
trial drew, a strip of queries at a time; a trial then takes its columns. Re-ranking looks at the neighbours within
one trial's queries and gallery, so each trial is compared by itself there.

All figures are shares from 0 to 1; percentages are a matter of the report. Deviations are those of the population
of trials (divided by T, not T − 1).

Shapes: T trials, R ranks, Q queries, G gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.permutations import Permutations
from mvd.data.samples import Samples
from mvd.errors import ProtocolError
from mvd.metrics.cmc import Gallery, Labels, QueryScores, Scores, count_ranks, score_queries, summarise
from mvd.metrics.distances import cosine_strips
from mvd.metrics.features import Features
from mvd.metrics.galleries import Trial, deal_trials
from mvd.metrics.protocols import Protocol
from mvd.metrics.ranking import Floats
from mvd.metrics.rerank import Reranking, rerank_descriptors

PLAIN = "cosine"
"""What a gallery is ranked by, unless it is re-ranked."""


class Figures(NamedTuple):
    """What is reported, from 0 to 1: CMC at four ranks, mAP and mINP."""

    rank_1: float
    rank_5: float
    rank_10: float
    rank_20: float
    mAP: float
    mINP: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The outcome of a protocol.

    Attributes:
        protocol: name of the protocol.
        ranking: what the gallery was ranked by: "cosine", or that and a re-ranking with its parameters.
        queries: pictures that asked.
        valid_queries: those whose person was in the gallery, the same in every trial; the means are over them.
        gallery: pictures drawn in each trial.
        people: distinct identities among the queries.
        cmc: (T, R) CMC at ranks 1…R; R is 20, or less where the gallery has fewer people.
        mAP: (T,) mean average precision.
        mINP: (T,) mean inverse negative penalty.
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
        """T, how many galleries were drawn."""
        return len(self.cmc)

    def rank(self, k: int) -> npt.NDArray[np.float64]:
        """Take CMC at rank k, 1…20, of each trial (T,); beyond the last rank R, every valid query has its match."""
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
        """Make a dictionary that JSON can hold; figures stay shares from 0 to 1."""
        return {
            "protocol": self.protocol,
            "ranking": self.ranking,
            "queries": self.queries,
            "valid_queries": self.valid_queries,
            "gallery": self.gallery,
            "people": self.people,
            "mean": self.mean._asdict(),
            "std": self.std._asdict(),
            "trials": {"cmc": self.cmc.tolist(), "mAP": self.mAP.tolist(), "mINP": self.mINP.tolist()},
        }

    def _per_trial(self) -> list[npt.NDArray[np.float64]]:
        """List the (T,) values of each of `Figures`."""
        return [*(self.rank(k) for k in (1, 5, 10, 20)), self.mAP, self.mINP]


def evaluate(
    features: Features,
    protocol: Protocol,
    permutations: Permutations | None = None,
    *,
    reranking: Reranking | None = None,
) -> Result:
    """Evaluate descriptors by cosine distance, or by a re-ranking that starts from it.

    Args:
        features: the pictures of the people under evaluation, both modalities; others than the protocol's cameras
            are ignored.
        protocol: who asks, who is searched, what counts.
        permutations: the official galleries, for protocols that use them.
        reranking: k-reciprocal re-ranking. Its figures belong beside the plain ones, never in their place.

    Raises:
        ProtocolError: the protocol does not fit the pictures: no queries, no gallery, no query with a match, or
            permutations that are missing or of other pictures.
    """
    samples = features.samples
    trials = deal_trials(protocol, samples, permutations)
    scores = (
        _score(features, trials, protocol) if reranking is None else _score_again(features, trials, protocol, reranking)
    )
    first = trials[0]
    # Each trial draws from the same people and cameras, so the counts of the first are those of all.
    return Result(
        protocol=protocol.name,
        ranking=PLAIN if reranking is None else f"{PLAIN} + {reranking.name}",
        queries=len(first.queries),
        valid_queries=scores[0].valid,
        gallery=len(first.gallery),
        people=len(np.unique(samples.identities[first.queries])),
        cmc=np.stack([trial.cmc for trial in scores]),
        mAP=np.array([trial.mAP for trial in scores]),
        mINP=np.array([trial.mINP for trial in scores]),
    )


def join_trials(results: Sequence[Result]) -> Result:
    """Join the results of RegDB's trials, each with a model of its own, into one with their mean and deviation.

    Args:
        results: of one direction and ranking, each trial once, in any order.

    Raises:
        ProtocolError: they are not of RegDB, of different directions or rankings or sizes, or a trial is there twice.
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


def _direction_and_trial(result: Result) -> tuple[str, int]:
    direction, separator, trial = result.protocol.partition("/trial-")
    if not separator:
        raise ProtocolError(f"expected results of RegDB's trials to join, found one of {result.protocol}")
    return direction, int(trial)


def _score(features: Features, trials: Sequence[Trial], protocol: Protocol) -> list[Scores]:
    """Score every trial by cosine distance."""
    asking = np.unique(np.concatenate([trial.queries for trial in trials]))
    drawn = np.unique(np.concatenate([trial.gallery for trial in trials]))
    rows = [np.searchsorted(asking, np.sort(trial.queries)) for trial in trials]
    columns = [np.searchsorted(drawn, trial.gallery) for trial in trials]
    galleries = [Gallery.of(_labels(features.samples, trial.gallery)) for trial in trials]
    parts: list[list[QueryScores]] = [[] for _ in trials]
    for strip, distances in cosine_strips(features.descriptors, asking, drawn):
        for part, within, taken, gallery in zip(parts, rows, columns, galleries, strict=True):
            here = within[(within >= strip.start) & (within < strip.stop)]
            part.append(
                score_queries(
                    _select(distances, here - strip.start, taken),
                    _labels(features.samples, asking[here]),
                    gallery,
                    exclusion=protocol.exclusion,
                    counting=protocol.counting,
                )
            )
    ranks = count_ranks(galleries[0].labels, protocol.counting)
    return [summarise(part, ranks=ranks) for part in parts]


def _score_again(features: Features, trials: Sequence[Trial], protocol: Protocol, reranking: Reranking) -> list[Scores]:
    """Score every trial by re-ranked distance."""
    scores = []
    for trial in trials:
        labels = _labels(features.samples, trial.gallery)
        queries, gallery = (features.descriptors[rows] for rows in trial)
        distances = rerank_descriptors(queries, gallery, reranking)
        found = score_queries(
            distances,
            _labels(features.samples, trial.queries),
            Gallery.of(labels),
            exclusion=protocol.exclusion,
            counting=protocol.counting,
        )
        scores.append(summarise([found], ranks=count_ranks(labels, protocol.counting)))
    return scores


def _labels(samples: Samples, rows: npt.NDArray[np.intp]) -> Labels:
    return Labels(samples.identities[rows], samples.cameras[rows])


def _select(distances: Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Floats:
    """Take rows and columns of distances; a view where all are taken as they are."""
    height, width = distances.shape
    if len(rows) != height:
        distances = distances[rows]
    if len(columns) != width or not np.array_equal(columns, np.arange(width)):
        distances = np.take(distances, columns, axis=1)
    return distances
