"""The places of a query's matches in its ranking.

Metrics need the places of the matches, not the sorted gallery. So the distances of a block of queries are sorted by
value, several times faster than by argsort, and each match is found in its row by bisection. CMC over identities also
needs the number of people before the first match, which the nearest picture of each person gives.

Ties: equal distances keep gallery order, as in a stable sort. In rows with a tied match, distances are replaced by the
places of a stable argsort; other rows need no argsort.

Excluded gallery pictures have distance infinity: they come last and are never a match.

Shapes: Q queries, G gallery, M matches over all queries, P distinct people in the gallery.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ids: TypeAlias = npt.NDArray[np.int64]

# Distances in a block: 4 MB of float32. Smaller blocks fit the cache but keep threads waiting for each other.
_BLOCK_ELEMENTS = 1 << 20


class People(NamedTuple):
    """A gallery's pictures grouped by person.

    Attributes:
        order: (G,) gallery pictures by identity, each person's in gallery order.
        identities: (P,) distinct identities, ascending.
        starts: (P + 1,) where each person begins in `order`, and G.
        layers: layer s contains picture s of each person with more than s pictures, people by descending number of
            pictures, so that the people of a layer are a prefix of those of the previous layer. The layers contain all
            G pictures.
    """

    order: npt.NDArray[np.intp]
    identities: Ids
    starts: npt.NDArray[np.intp]
    layers: list[npt.NDArray[np.intp]]


def group_people(identities: Ids) -> People:
    """Group the pictures of a gallery (G,) by identity."""
    order = np.argsort(identities, kind="stable")
    people, begins, counts = np.unique(identities[order], return_index=True, return_counts=True)
    descending = np.argsort(-counts, kind="stable")
    wide = np.cumsum(np.bincount(counts)[::-1])[::-1]  # people with at least s pictures
    layers = [order[begins[descending[:n]] + s] for s, n in enumerate(wide[1:].tolist())]
    return People(order, people, np.append(begins, len(identities)), layers)


class Matches(NamedTuple):
    """The places of the matches of each query.

    Attributes:
        queries: (M,) row of the query of each match, ascending.
        places: (M,) place of the match among the gallery pictures that are not excluded, from 0; ascending within
            a query.
        nearest: (Q,) distance of the first match, or its place in rows with ties; infinity without a match.
    """

    queries: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]
    nearest: Floats


def block_rows(gallery: int) -> int:
    """Return the number of queries to rank at a time against G gallery pictures, for bounded memory."""
    return max(1, _BLOCK_ELEMENTS // max(gallery, 1))


class Pairs(NamedTuple):
    """Each query with each gallery picture of its person; two (M,) arrays, ordered by query."""

    queries: npt.NDArray[np.intp]
    gallery: npt.NDArray[np.intp]


def pair_matches(identities: Ids, people: People) -> Pairs:
    """List the matches in a gallery of queries with identities (Q,)."""
    person = np.searchsorted(people.identities, identities)
    known = person < len(people.identities)
    known[known] = people.identities[person[known]] == identities[known]
    starts = people.starts[person * known]
    counts = (people.starts[person * known + 1] - starts) * known
    rows = np.repeat(np.arange(len(identities)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Pairs(rows, people.order[starts[rows] + within])


def rank_matches(distances: Floats, pairs: Pairs, scratch: Floats) -> Matches:
    """Find the places of the matches of a block of queries.

    Args:
        distances: (Q, G), G at least 1; excluded pictures infinite, no NaN. Rows with tied matches are
            overwritten by places.
        pairs: the matches, excluded ones included.
        scratch: (Q, G) contiguous, overwritten.

    Returns:
        The matches that are not excluded; a query without any has none.
    """
    kept = distances[pairs] < np.inf
    rows, columns = pairs.queries[kept], pairs.gallery[kept]
    places, tied = _places(distances, rows, columns, scratch)
    if tied.any():
        tied_rows = np.unique(rows[tied])
        distances[tied_rows] = _stable_places(distances[tied_rows])
        again = np.isin(rows, tied_rows)
        places[again] = distances[rows[again], columns[again]]

    nearest = np.full(len(distances), np.inf, dtype=distances.dtype)
    np.minimum.at(nearest, rows, distances[rows, columns])
    # One sort for all queries: the row leads the key.
    gallery = distances.shape[1]
    places = np.sort(rows * gallery + places) - rows * gallery
    return Matches(rows, places, nearest)


def count_people_before(distances: Floats, nearest: Floats, people: People) -> npt.NDArray[np.intp]:
    """Count the distinct people who have a picture before each query's first match (Q,).

    Args:
        distances: (Q, G) as `rank_matches` left them.
        nearest: (Q,) as `rank_matches` returned it; results for queries without a match are meaningless.
        people: the gallery, grouped.
    """
    of_person = np.take(distances, people.layers[0], axis=1)
    for layer in people.layers[1:]:  # several times faster than `minimum.reduceat` over short runs
        some = of_person[:, : len(layer)]
        np.minimum(some, np.take(distances, layer, axis=1), out=some)
    before: npt.NDArray[np.intp] = np.count_nonzero(of_person < nearest[:, None], axis=1)
    return before


def _places(
    distances: Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], scratch: Floats
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Count the strictly nearer pictures of each match (M,), and mark (M,) matches that tie with another picture."""
    gallery = distances.shape[1]
    begins = rows * gallery
    values = distances.ravel().take(begins + columns)
    scratch[...] = distances
    scratch.sort(axis=1)
    ascending = scratch.ravel()
    # Bisection of all rows in step: the lower bound is among `length` values from `low`. `take` and arithmetic release
    # the GIL, indexing with arrays does not.
    low, length = begins.copy(), gallery
    while length > 1:
        half = length // 2
        low += half * (ascending.take(low + (half - 1)) < values)
        length -= half
    places = low - begins
    following = ascending.take(np.minimum(low + 1, len(ascending) - 1))
    return places, (following == values) & (places + 1 < gallery)


def _stable_places(distances: Floats) -> npt.NDArray[np.intp]:
    """Return the place of each picture in its row's ranking, (·, G), with equal distances in gallery order."""
    order = np.argsort(distances, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(distances.shape[1])[None], axis=1)
    return places
