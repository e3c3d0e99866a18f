"""Distances, and the places that a query's matches take in its ranking.

A metric needs where the matches stand, not the sorted gallery, so nothing here keeps an argsort. The distances of a
block of queries are sorted by value, which numpy does several times faster than an argsort, and each match is
found in its row by bisection. CMC over identities needs one thing more, how many people stand before the first
match: each person's nearest picture tells.

Ties: equal distances keep gallery order, as a stable sort would leave them. A row in which a match is tied has its
distances replaced by the places of a stable argsort, which have no ties; other rows never pay for one.

Excluded gallery pictures have distance infinity; they stand behind all others and are never a match.

Shapes: Q queries, G gallery, D width of a descriptor, M matches over all queries, P distinct people in the gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Ids: TypeAlias = npt.NDArray[np.int64]

# A block of float32 distances of this many elements fits into a core's cache, with its sorted copy.
_BLOCK_ELEMENTS = 1 << 19
# Fewer queries than this leave the matrix product waiting for memory: each block reads the whole gallery.
_LEAST_QUERIES = 256


def unit_rows(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale each row (·, D) to length 1; a row of zeros stays so, at cosine distance 1 from everything."""
    squares = np.einsum("nd,nd->n", rows, rows, dtype=np.float64)  # float32 would overflow from lengths of 1e19
    norms = np.sqrt(squares)[:, None]
    units = np.zeros_like(rows)
    np.divide(rows, norms, out=units, where=norms > 0, casting="same_kind")
    return units


def cosine_blocks(
    queries: npt.NDArray[np.float32], gallery: npt.NDArray[np.float32]
) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Compute cosine distances a block of queries at a time, so that Q × G need never be held.

    Args:
        queries: (Q, D) descriptors of any length.
        gallery: (G, D) descriptors of any length.

    Yields:
        The rows of a block and their (rows, G) distances: 1 − cosine, from 0 (same direction) to 2, up to rounding.
    """
    units = unit_rows(gallery)
    step = max(_LEAST_QUERIES, _BLOCK_ELEMENTS // max(len(gallery), 1))
    for start in range(0, len(queries), step):
        block = slice(start, min(start + step, len(queries)))
        distances = unit_rows(queries[block]) @ units.T
        np.subtract(1, distances, out=distances)
        yield block, distances


def cosine_distance(queries: npt.NDArray[np.float32], gallery: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute the whole matrix of cosine distances.

    Args:
        queries: (Q, D) descriptors of any length.
        gallery: (G, D) descriptors of any length.

    Returns:
        (Q, G), 1 − cosine, from 0 (same direction) to 2, up to rounding.

    Example:
        >>> cosine_distance(np.eye(1, 2, dtype=np.float32), np.array([[2, 0], [0, 3], [-1, 0]], np.float32)).tolist()
        [[0.0, 1.0, 2.0]]
    """
    distances = np.empty((len(queries), len(gallery)), dtype=np.float32)
    for block, values in cosine_blocks(queries, gallery):
        distances[block] = values
    return distances


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


def rank_matches(distances: Floats, identities: Ids, people: People) -> Matches:
    """Find the places of the matches of a block of queries.

    Args:
        distances: (Q, G), G at least 1; excluded pictures infinite, no NaN. Rows with tied matches are
            overwritten by places.
        identities: (Q,) identity of each query.
        people: the gallery, grouped.

    Returns:
        The matches of all queries; a query without a match has none.
    """
    rows, columns = _pairs(identities, people)
    kept = distances[rows, columns] < np.inf
    rows, columns = rows[kept], columns[kept]
    places, tied = _places(distances, rows, columns)
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
        nearest: (Q,) as `rank_matches` returned it, of queries that have a match.
        people: the gallery, grouped.
    """
    of_person = np.take(distances, people.layers[0], axis=1)
    for layer in people.layers[1:]:  # several times faster than `minimum.reduceat` over short runs
        some = of_person[:, : len(layer)]
        np.minimum(some, np.take(distances, layer, axis=1), out=some)
    before: npt.NDArray[np.intp] = np.count_nonzero(of_person < nearest[:, None], axis=1)
    return before


def _pairs(identities: Ids, people: People) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """List all (query, gallery picture) of one identity, two (M,) arrays, ordered by query."""
    person = np.searchsorted(people.identities, identities)
    known = person < len(people.identities)
    known[known] = people.identities[person[known]] == identities[known]
    starts = people.starts[person * known]
    counts = (people.starts[person * known + 1] - starts) * known
    rows = np.repeat(np.arange(len(identities)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, people.order[starts[rows] + within]


def _places(
    distances: Floats, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Count the strictly nearer pictures of each match (M,), and say (M,) which matches tie with another picture."""
    gallery = distances.shape[1]
    ascending = np.sort(distances, axis=1).ravel()
    values = distances[rows, columns]
    # Lower bound of each value in its row; the value is in the row, so `low` never passes the row's end.
    low = rows * gallery
    high = low + gallery
    for _ in range(gallery.bit_length()):
        middle = (low + high) >> 1
        nearer = ascending[middle] < values
        low = np.where(nearer, middle + 1, low)
        high = np.where(nearer, high, middle)
    places = low - rows * gallery
    following = ascending[np.minimum(low + 1, len(ascending) - 1)]
    return places, (following == values) & (places + 1 < gallery)


def _stable_places(distances: Floats) -> npt.NDArray[np.intp]:
    """Give each picture its place in its row's ranking (·, G), equal distances in gallery order."""
    order = np.argsort(distances, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(distances.shape[1])[None], axis=1)
    return places
