"""CMC, mAP and mINP from distances, under the exclusion rules of the data sets.

- CMC at rank r: the fraction of queries whose first match is among the first r. SYSU-MM01 and LLCM count each person
  once, at the nearest picture, so the first r are people; RegDB counts pictures.
- AP: the mean, over the matches of a query, of the precision at the match; always over pictures.
- INP (AGW, arXiv 2001.04193): matches / place of the last match, places counted from 1.

Queries without a match are counted and excluded from all means. Distances may have any float type; means are float64.

Shapes: Q queries, G gallery, R ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.samples import Samples
from mvd.data.workers import worker_count
from mvd.errors import ProtocolError
from mvd.metrics.ranking import (
    Floats,
    Ids,
    Pairs,
    People,
    block_rows,
    count_people_before,
    group_people,
    pair_matches,
    rank_matches,
)

MAX_RANK = 20
"""The last rank of CMC."""


class Exclusion(Enum):
    """The gallery pictures that are excluded for a query."""

    NOTHING = "nothing"
    """RegDB: none."""
    SAME_ROOM = "same room"
    """SYSU-MM01: for queries of camera 3, the pictures of camera 2, which is in the same room."""
    SAME_IDENTITY_AND_CAMERA = "same identity and camera"
    """LLCM: pictures of the query's person by the query's camera; not for camera 0, which means unknown."""


class Counting(Enum):
    """The unit of CMC ranks: people or pictures."""

    PEOPLE = "people"
    PICTURES = "pictures"


class Labels(NamedTuple):
    """Identities and cameras of pictures; two (N,) arrays."""

    identities: Ids
    cameras: Ids

    @classmethod
    def of(cls, samples: Samples) -> Labels:
        """The labels of a table."""
        return cls(samples.identities, samples.cameras)


class Gallery(NamedTuple):
    """A gallery's labels, (G,) each, and the same grouped by person."""

    labels: Labels
    people: People

    @classmethod
    def of(cls, labels: Labels) -> Gallery:
        """Group a gallery by person."""
        return cls(labels, group_people(labels.identities))


class QueryScores(NamedTuple):
    """Figures of each query; all (Q,).

    Attributes:
        first: number of wrong people, or pictures, before the first match; −1 without a match.
        average_precision: AP, 0 to 1; NaN without a match.
        inverse_negative_penalty: INP, 0 to 1; NaN without a match.
    """

    first: npt.NDArray[np.intp]
    average_precision: npt.NDArray[np.float64]
    inverse_negative_penalty: npt.NDArray[np.float64]


class TrialScores(NamedTuple):
    """The figures of one trial, from 0 to 1.

    Attributes:
        cmc: (R,) float64, at ranks 1…R. R is 20, or less if the gallery has fewer people (or pictures, if those are
            counted); beyond it CMC stays 1.
        mAP: mean average precision.
        mINP: mean inverse negative penalty.
        valid: number of queries with a match; the means are over these.
        skipped: number of queries without a match.
    """

    cmc: npt.NDArray[np.float64]
    mAP: float
    mINP: float
    valid: int
    skipped: int


def score(
    distances: Floats, queries: Labels, gallery: Labels, *, exclusion: Exclusion, counting: Counting
) -> TrialScores:
    """Compute CMC, mAP and mINP of one gallery.

    Args:
        distances: (Q, G), finite, any float type; smaller is more alike. Equal distances keep gallery order.
        queries: identities and cameras (Q,).
        gallery: identities and cameras (G,).
        exclusion: the gallery pictures that are excluded for a query.
        counting: whether CMC counts people or pictures.

    Raises:
        ProtocolError: shapes disagree, a distance is not finite, or no query has a match.

    Example:
        >>> labels = Labels(np.array([1, 2]), np.array([1, 1]))
        >>> score(np.array([[0.1, 0.9], [0.2, 0.8]]), labels, labels,
        ...       exclusion=Exclusion.NOTHING, counting=Counting.PICTURES).mAP
        0.75
    """
    scores = score_queries(distances, queries, Gallery.of(gallery), exclusion=exclusion, counting=counting)
    return summarise([scores], ranks=count_ranks(gallery, counting))


def score_queries(
    distances: Floats, queries: Labels, gallery: Gallery, *, exclusion: Exclusion, counting: Counting
) -> QueryScores:
    """Score each query: `score` without the means, for callers that process some queries at a time.

    Arguments are as for `score`, with a grouped gallery. Queries are scored in blocks, in one thread per core.

    Raises:
        ProtocolError: shapes disagree or a distance is not finite.
    """
    _check(distances, queries, gallery.labels)
    workers = worker_count(0)
    step = min(block_rows(distances.shape[1]), -(-len(distances) // workers))
    blocks = [slice(start, min(start + step, len(distances))) for start in range(0, len(distances), step)]

    def score_some(some: Sequence[slice]) -> list[QueryScores]:
        # Buffers are reused, since allocation is slower than the computation. float16 cannot represent places of ties.
        copies, sorted_copies = np.empty((2, step, distances.shape[1]), np.promote_types(distances.dtype, np.float32))
        scores = []
        for rows in some:
            labels = Labels(queries.identities[rows], queries.cameras[rows])
            block, scratch = copies[: len(labels.cameras)], sorted_copies[: len(labels.cameras)]
            block[...] = distances[rows]
            if not (np.isfinite(block.min()) and np.isfinite(block.max())):  # both are NaN if any distance is
                raise ProtocolError("expected finite distances, found NaN or infinity; check the descriptors")
            scores.append(_score_block(block, labels, gallery, scratch, exclusion=exclusion, counting=counting))
        return scores

    # Threads help, since sorting, comparing and copying release the GIL.
    length = -(-len(blocks) // workers)
    runs = [blocks[start : start + length] for start in range(0, len(blocks), length)]
    with ThreadPoolExecutor(workers) as pool:
        parts = [part for some in pool.map(score_some, runs) for part in some]
    return QueryScores(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _score_block(
    distances: Floats, queries: Labels, gallery: Gallery, scratch: Floats, *, exclusion: Exclusion, counting: Counting
) -> QueryScores:
    """Score a block of queries; distances (Q, G) and scratch (Q, G) are overwritten."""
    pairs = pair_matches(queries.identities, gallery.people)
    _exclude(distances, queries, gallery.labels, pairs, exclusion)
    matches = rank_matches(distances, pairs, scratch)
    valid, begins, counts = np.unique(matches.queries, return_index=True, return_counts=True)
    if counting is Counting.PEOPLE:
        before = count_people_before(distances, matches.nearest, gallery.people)[valid]
    else:
        before = matches.places[begins]
    ordinals = np.arange(1, len(matches.places) + 1) - np.repeat(begins, counts)
    precisions = np.bincount(matches.queries, weights=ordinals / (matches.places + 1), minlength=len(distances))
    first = np.full(len(distances), -1, dtype=np.intp)
    average_precision = np.full(len(distances), np.nan)
    inverse_negative_penalty = np.full(len(distances), np.nan)
    first[valid] = before
    average_precision[valid] = precisions[valid] / counts
    inverse_negative_penalty[valid] = counts / (matches.places[begins + counts - 1] + 1)
    return QueryScores(first, average_precision, inverse_negative_penalty)


def has_match(queries: Labels, gallery: Gallery, *, exclusion: Exclusion) -> bool:
    """Return whether any query has a match that is not excluded; no distances are needed."""
    step = block_rows(len(gallery.labels.identities))
    for start in range(0, len(queries.identities), step):
        some = Labels(queries.identities[start : start + step], queries.cameras[start : start + step])
        pairs = pair_matches(some.identities, gallery.people)
        distances = np.zeros((len(some.identities), len(gallery.labels.identities)), np.float32)
        _exclude(distances, some, gallery.labels, pairs, exclusion)
        if (distances[pairs] < np.inf).any():
            return True
    return False


def counted_pictures(queries: Labels, gallery: Gallery, *, exclusion: Exclusion) -> npt.NDArray[np.bool_]:
    """Return a mask (Q, G) of the gallery pictures that are not excluded for each query."""
    distances = np.zeros((len(queries.identities), len(gallery.labels.identities)), np.float32)
    _exclude(distances, queries, gallery.labels, pair_matches(queries.identities, gallery.people), exclusion)
    return distances < np.inf


def count_ranks(gallery: Labels, counting: Counting) -> int:
    """Return the number of ranks R of a gallery's CMC: the number of distinct people, or of pictures, at most 20."""
    distinct = np.unique(gallery.identities) if counting is Counting.PEOPLE else gallery.identities
    return min(MAX_RANK, len(distinct))


def summarise(parts: Sequence[QueryScores], *, ranks: int) -> TrialScores:
    """Average the figures of queries with a match, given in one or several parts.

    Raises:
        ProtocolError: no query has a match.
    """
    first, precision, penalty = (np.concatenate(column) for column in zip(*parts, strict=True))
    valid = first >= 0
    if not valid.any():
        raise ProtocolError(
            f"expected queries whose person is in the gallery, found none among {len(first)}; "
            "are the identities and cameras those of this protocol?"
        )
    found = np.bincount(first[valid], minlength=ranks)[:ranks]
    count = int(valid.sum())
    return TrialScores(
        cmc=np.cumsum(found) / count,
        mAP=float(precision[valid].mean()),
        mINP=float(penalty[valid].mean()),
        valid=count,
        skipped=len(first) - count,
    )


def _exclude(distances: Floats, queries: Labels, gallery: Labels, matches: Pairs, exclusion: Exclusion) -> None:
    """Set the distances (Q, G) of excluded gallery pictures to infinity, in place."""
    match exclusion:
        case Exclusion.NOTHING:
            return
        case Exclusion.SAME_ROOM:
            distances[np.ix_(np.flatnonzero(queries.cameras == 3), np.flatnonzero(gallery.cameras == 2))] = np.inf
        case Exclusion.SAME_IDENTITY_AND_CAMERA:
            own, seen = queries.cameras[matches.queries], gallery.cameras[matches.gallery]
            same = (own == seen) & (own != 0)
            distances[matches.queries[same], matches.gallery[same]] = np.inf


def _check(distances: Floats, queries: Labels, gallery: Labels) -> None:
    expected = (len(queries.identities), len(gallery.identities))
    if distances.ndim != 2 or distances.shape != expected or 0 in expected:
        raise ProtocolError(
            f"expected distances of at least one query to at least one gallery picture, of shape {expected} "
            f"as the labels have it, found {distances.shape}"
        )
    if len(queries.cameras) != expected[0] or len(gallery.cameras) != expected[1]:
        raise ProtocolError(
            f"expected a camera for each of {expected[0]} queries and {expected[1]} gallery pictures, "
            f"found {len(queries.cameras)} and {len(gallery.cameras)}"
        )
