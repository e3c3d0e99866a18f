"""The places that a query's matches take in its ranking.

A metric needs where the matches stand, not the sorted gallery, so nothing here keeps an argsort. The distances of a
block of queries are sorted by value, which numpy does several times faster than an argsort, and each match is
found in its row by bisection. CMC over identities needs one thing more, how many people stand before the first
match: each person's nearest picture tells.

Ties: equal distances keep gallery order, as a stable sort would leave them. A row in which a match is tied has its
distances replaced by the places of a stable argsort, which have no ties; other rows never pay for one.

Excluded gallery pictures have distance infinity; they stand behind all others and are never a match.

Shapes: Q queries, G gallery, M matches over all queries, P distinct people in the gallery.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ids: TypeAlias = npt.NDArray[np.int64]

# Distances ranked at a time: 4 MB of float32. Smaller blocks fit into a cache but keep threads waiting for each other.
_BLOCK_ELEMENTS = 1 << 20


class People(NamedTuple):
    """A gallery's pictures grouped by person.

    Attributes:
        order: (G,) gallery pictures by identity, each person's in gallery order.
        identities: (P,) distinct identities, ascending.
        starts: (P + 1,) where each person begins in `order`, and G.
        layers: layer s lists the picture number s of each person who has so many, people by falling number of
            pictures: the people of a layer are the first ones of the layer above. Together, all G pictures.
    """

    order: npt.NDArray[np.intp]
    identities: Ids
    starts: npt.NDArray[np.intp]
    layers: list[npt.NDArray[np.intp]]


def group_people(identities: Ids) -> People:
    """Group the pictures of a gallery (G,) by identity."""
    order = np.argsort(identities, kind="stable")
    people, begins, counts = np.unique(identities[order], return_index=True, return_counts=True)
    falling = np.argsort(-counts, kind="stable")
    wide = np.cumsum(np.bincount(counts)[::-1])[::-1]  # people with at least s pictures
    layers = [order[begins[falling[:n]] + s] for s, n in enumerate(wide[1:].tolist())]
    return People(order, people, np.append(begins, len(identities)), layers)


class Matches(NamedTuple):
    """Where the matches of each query stand.

    Attributes:
        queries: (M,) row of the query of each match, ascending.
        places: (M,) place of the match among the gallery pictures that are not excluded, from 0; ascending within
            a query.
        nearest: (Q,) distance of the first match, infinity for a query without one; in rows whose ties were broken,
            what `rank_matches` put there for a distance.
    """

    queries: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]
    nearest: Floats


def block_rows(gallery: int) -> int:
    """Say how many queries to rank at a time against G gallery pictures, for memory bounded whatever Q and G."""
    return max(1, _BLOCK_ELEMENTS // max(gallery, 1))


class Pairs(NamedTuple):
    """Each query with each gallery picture of its person; two (M,) arrays, ordered by query."""

    queries: npt.NDArray[np.intp]
    gallery: npt.NDArray[np.intp]


def pair_matches(identities: Ids, people: People) -> Pairs:
    """List the matches of queries, whose identities are (Q,), in a gallery."""
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
        pairs: the matches, excluded ones among them.
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
    # One sort for all queries: the row leads the key, so matches stay with their query.
    gallery = distances.shape[1]
    places = np.sort(rows * gallery + places) - rows * gallery
    return Matches(rows, places, nearest)


def count_people_before(distances: Floats, nearest: Floats, people: People) -> npt.NDArray[np.intp]:
    """Count the distinct people who have a picture before each query's first match (Q,).

    Args:
        distances: (Q, G) as `rank_matches` left them.
        nearest: (Q,) as `rank_matches` returned it; the answer for a query without a match means nothing.
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
    """Count the strictly nearer pictures of each match (M,), and say (M,) which matches tie with another picture."""
    gallery = distances.shape[1]
    begins = rows * gallery
    values = distances.ravel().take(begins + columns)
    scratch[...] = distances
    scratch.sort(axis=1)
    ascending = scratch.ravel()
    # Bisection, of all rows in step since they are equally long: the lower bound is among `length` values from `low`.
    # `take` and arithmetic let go of the interpreter, which indexing with arrays does not.
    low, length = begins.copy(), gallery
    while length > 1:
        half = length // 2
        low += half * (ascending.take(low + (half - 1)) < values)
        length -= half
    places = low - begins
    following = ascending.take(np.minimum(low + 1, len(ascending) - 1))
    return places, (following == values) & (places + 1 < gallery)


def _stable_places(distances: Floats) -> npt.NDArray[np.intp]:
    """Give each picture its place in its row's ranking (·, G), equal distances in gallery order."""
    order = np.argsort(distances, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(distances.shape[1])[None], axis=1)
    return places
