"""Explanations of figures: queries with their nearest pictures, distributions of similarity, and confusions.

Shapes: N pictures, D width of a descriptor, Q queries, K listed gallery pictures, S bins of a histogram.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.samples import JUNK, Modality, Samples
from mvd.metrics.distances import unit_rows
from mvd.metrics.features import Features
from mvd.metrics.rankings import RankedLists

_BINS = np.linspace(-1, 1, 81)


class Neighbour(NamedTuple):
    """A retrieved picture: its row in the table, the cosine similarity, and whether it shows the query's person."""

    row: int
    similarity: float
    match: bool


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """A query and its nearest pictures, without those that the protocol excludes for it.

    Attributes:
        kind: whether it is among the best, the worst, or the randomly drawn queries.
        query: its row in the table of test pictures.
        first_match: rank of the first match, from 1.
        nearest: the nearest pictures in order.
    """

    kind: Literal["best", "worst", "random"]
    query: int
    first_match: int
    nearest: tuple[Neighbour, ...]


class Confusion(NamedTuple):
    """Number of queries of one identity whose first picture shows another identity."""

    query: int
    found: int
    times: int


class GroupFigures(NamedTuple):
    """Rank-1 of the queries of a group, from 0 to 1."""

    name: str
    queries: int
    rank_1: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Histogram:
    """The distribution of similarities of a kind of pairs.

    Attributes:
        pair: the modalities, such as "infrared-visible".
        same: whether both pictures of each pair show the same identity.
        edges: (S + 1,) edges of the bins, from -1 to 1.
        shares: (S,) fraction of all pairs of the kind in each bin; their sum is 1.
        pairs: number of pairs.
    """

    pair: str
    same: bool
    edges: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]
    pairs: int


class Outcome(NamedTuple):
    """For each query with a match: its row, the rank of its first match, from 1, and the row of the first picture."""

    queries: npt.NDArray[np.int64]
    first_match: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]


def outcomes(lists: RankedLists, samples: Samples) -> Outcome:
    """Find the rank of each query's first match among the pictures that count; queries without a match are omitted.

    Args:
        lists: ranked lists of the whole gallery.
        samples: the table that their rows refer to.

    >>> from mvd.data.samples import Row, from_rows
    >>> from mvd.metrics.rankings import rank
    >>> rows = [Row(f"{m.name}/{i}.jpg", i, m + 1, m) for m in Modality for i in (1, 2)]
    >>> features = Features(descriptors=np.array([[1, 0], [0, 1], [1, 0], [1, 0.1]]), samples=from_rows(rows))
    >>> outcomes(rank(features, "own/infrared-to-visible")[0], features.samples).first_match.tolist()
    [1, 2]
    """
    counts = lists.ranked["counts"]
    identities = samples.identities
    match = counts & (identities[lists.ranked["picture"]] == identities[lists.queries][:, None])
    ranks = np.cumsum(counts, axis=1)
    valid = match.any(axis=1)
    rows, first = np.flatnonzero(valid), match.argmax(axis=1)[valid]
    return Outcome(
        queries=lists.queries[valid],
        first_match=ranks[rows, first].astype(np.int64),
        found=lists.ranked["picture"][rows, counts.argmax(axis=1)[valid]].astype(np.int64),
    )


def pick_retrievals(
    lists: RankedLists, samples: Samples, *, each: int = 3, nearest: int = 10, seed: int = 0
) -> list[Retrieval]:
    """Pick the best, the worst and random queries of a protocol.

    The worst queries are those with the highest rank of the first match; the best are those with a match at rank 1 of
    the highest similarity. At most one query per identity is picked of each kind.

    Args:
        lists: ranked lists of the whole gallery.
        samples: the table that their rows refer to.
        each: number of queries of each kind.
        nearest: number of pictures per query.
        seed: seed of the random queries.
    """
    outcome = outcomes(lists, samples)
    place = {int(row): number for number, row in enumerate(lists.queries)}
    top = np.array([_counted(lists.ranked[place[int(row)]])["distance"][0] for row in outcome.queries])
    orders: dict[Literal["best", "worst", "random"], npt.NDArray[np.intp]] = {
        "best": np.lexsort((top, outcome.first_match)),
        "worst": np.lexsort((top, -outcome.first_match)),
        "random": np.random.default_rng(seed).permutation(len(top)),
    }
    picked = []
    for kind, order in orders.items():
        people = set[int]()
        for number in order.tolist():
            row = int(outcome.queries[number])
            if len(people) == each or int(samples.identities[row]) in people:
                continue
            people.add(int(samples.identities[row]))
            entries = _counted(lists.ranked[place[row]])[:nearest]
            picked.append(
                Retrieval(
                    kind=kind,
                    query=row,
                    first_match=int(outcome.first_match[number]),
                    nearest=tuple(
                        Neighbour(
                            row=int(entry["picture"]),
                            similarity=1 - float(entry["distance"]),
                            match=bool(samples.identities[entry["picture"]] == samples.identities[row]),
                        )
                        for entry in entries
                    ),
                )
            )
    return picked


def group_figures(lists: RankedLists, samples: Samples) -> list[GroupFigures]:
    """Compute rank-1 for groups of queries: by pair of modalities, by camera, and by camera of the first picture."""
    outcome = outcomes(lists, samples)
    masks: list[tuple[str, npt.NDArray[np.bool_]]] = []
    asked, found = samples.modalities[outcome.queries], samples.modalities[outcome.found]
    for one, other in product(Modality, Modality):
        there = (asked == one) & (found == other)
        if there.any():
            masks.append((f"{one.name.lower()} queries in the {other.name.lower()} gallery", there))
    for word, cameras in (
        ("queries of", samples.cameras[outcome.queries]),
        ("found in", samples.cameras[outcome.found]),
    ):
        for camera in np.unique(cameras):
            masks.append((f"{word} camera {camera}" if camera else f"{word} unknown cameras", cameras == camera))
    return [
        GroupFigures(name, int(there.sum()), float((outcome.first_match[there] == 1).mean())) for name, there in masks
    ]


def confusions(lists: RankedLists, samples: Samples, count: int = 10) -> list[Confusion]:
    """Count the pairs of a query's identity and another identity that is retrieved first, the most frequent first."""
    outcome = outcomes(lists, samples)
    wrong = outcome.first_match > 1
    pairs = zip(samples.identities[outcome.queries[wrong]], samples.identities[outcome.found[wrong]], strict=True)
    counted = Counter((int(one), int(other)) for one, other in pairs)
    return [Confusion(*pair, number) for pair, number in sorted(counted.items(), key=lambda x: (-x[1], x[0]))[:count]]


def similarity_histograms(features: Features, *, limit: int = 2000, seed: int = 0) -> list[Histogram]:
    """Compute the distributions of cosine similarity, within and between identities, for each pair of modalities.

    Args:
        features: embeddings and the table of their pictures; junk is excluded.
        limit: maximum number of pictures; a random subset is used if there are more.
        seed: seed of the subset.
    """
    samples = features.samples
    rows = np.flatnonzero(samples.identities != JUNK)
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:limit])
    vectors = unit_rows(features.descriptors[rows])
    similarities = np.clip(vectors @ vectors.T, -1, 1)
    above = np.triu(np.ones(similarities.shape, bool), 1)
    people = samples.identities[rows]
    same = people[:, None] == people
    modalities = samples.modalities[rows]
    found = []
    pairs: Sequence[tuple[Modality, Modality]] = (
        (Modality.INFRARED, Modality.VISIBLE),
        (Modality.VISIBLE, Modality.VISIBLE),
        (Modality.INFRARED, Modality.INFRARED),
    )
    for one, other in pairs:
        between = (modalities[:, None] == one) & (modalities == other)
        # Each pair of pictures once: across modalities in the one order, within a modality above the diagonal.
        counted = between if one != other else between & above
        for alike in (True, False):
            values = similarities[counted & (same == alike)]
            if values.size:
                shares = np.histogram(values, bins=_BINS)[0] / values.size
                pair = f"{one.name}-{other.name}".lower()
                found.append(Histogram(pair=pair, same=alike, edges=_BINS, shares=shares, pairs=int(values.size)))
    return found


def _counted(ranked: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    counted: npt.NDArray[np.void] = ranked[ranked["counts"]]
    return counted
