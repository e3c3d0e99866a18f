"""Evaluation: features and a protocol in, figures with their mean and deviation over trials out.

The trials of a protocol draw overlapping galleries, so each query is compared once with the union of what any
trial drew, in blocks of queries; a trial then takes its columns. The whole distance matrix is never held.

All figures are shares from 0 to 1; percentages are a matter of the report. Deviations are those of the population
of trials (divided by T, not T − 1).

Shapes: T trials, R ranks, Q queries, G gallery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.permutations import Permutations
from mvd.evaluation.features import Features
from mvd.evaluation.metrics import Labels, QueryScores, count_ranks, score_queries, summarise
from mvd.evaluation.protocols import Protocol, draw_gallery, query_rows
from mvd.evaluation.ranking import cosine_blocks


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
        queries: pictures that asked.
        valid_queries: those whose person was in the gallery, the same in every trial; the means are over them.
        gallery: pictures drawn in each trial.
        people: distinct identities among the queries.
        cmc: (T, R) CMC at ranks 1…R; R is 20, or less where the gallery has fewer people.
        mAP: (T,) mean average precision.
        mINP: (T,) mean inverse negative penalty.
    """

    protocol: str
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


def evaluate(features: Features, protocol: Protocol, permutations: Permutations | None = None) -> Result:
    """Evaluate descriptors by cosine distance.

    Args:
        features: the pictures of the people under evaluation, both modalities; others than the protocol's cameras
            are ignored.
        protocol: who asks, who is searched, what counts.
        permutations: the official galleries, for protocols that use them.

    Raises:
        ProtocolError: the protocol does not fit the pictures: no queries, no gallery, no query with a match, or
            permutations that are missing or of other pictures.
    """
    samples = features.samples
    asking = query_rows(protocol, samples)
    galleries = [draw_gallery(protocol, samples, trial, permutations) for trial in range(protocol.trials)]
    drawn = np.unique(np.concatenate(galleries))
    columns = [np.searchsorted(drawn, gallery) for gallery in galleries]

    queries = Labels.of(samples.take(asking))
    labels = [Labels.of(samples.take(gallery)) for gallery in galleries]
    parts: list[list[QueryScores]] = [[] for _ in galleries]
    for block, distances in cosine_blocks(features.descriptors[asking], features.descriptors[drawn]):
        part = Labels(queries.identities[block], queries.cameras[block])
        for trial, taken in enumerate(columns):
            scores = score_queries(
                distances[:, taken], part, labels[trial], exclusion=protocol.exclusion, counting=protocol.counting
            )
            parts[trial].append(scores)

    trials = [summarise(part, ranks=count_ranks(labels[0], protocol.counting)) for part in parts]
    # Each trial draws from the same people and cameras, so the counts of the first are those of all.
    return Result(
        protocol=protocol.name,
        queries=len(asking),
        valid_queries=trials[0].valid,
        gallery=len(galleries[0]),
        people=len(np.unique(queries.identities)),
        cmc=np.stack([trial.cmc for trial in trials]),
        mAP=np.array([trial.mAP for trial in trials]),
        mINP=np.array([trial.mINP for trial in trials]),
    )
