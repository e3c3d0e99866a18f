"""k-reciprocal re-ranking (Zhong et al., CVPR 2017, arXiv 1701.08398): pictures with common neighbours move closer.

Two pictures are reciprocal neighbours if each is among the nearest of the other. The new distance of a query and a
gallery picture is a weighted sum of the old one and of the Jaccard distance between their sets of reciprocal
neighbours. Neighbours are searched among queries and gallery together, so the ranking of a query depends on the other
queries: re-ranked figures are not comparable with plain ones, and are labelled.

Details that the paper leaves open follow the public implementations:

- distances are squared and divided by the largest of their row, in float32;
- a neighbourhood is the k1 + 1 nearest pictures, itself included; a half neighbourhood the round(k1 / 2) + 1 nearest,
  rounded half to even;
- a reciprocal neighbour adds its half neighbourhood if more than two thirds of it are in the set already;
- a member weighs exp(−distance), normalised to a sum of 1, and each set is averaged over the k2 nearest pictures.

Sets are rows of sparse matrices, so that intersection, union and mean are products. In addition to the given distances,
two (Q, G) arrays are in memory; everything else is sparse or computed in blocks.

Ties: of equal distances the lower index is nearer, queries before gallery, as in a stable sort.

Shapes: Q queries, G gallery, N = Q + G pictures, queries first, B of them in a block, K nearest, D width of a
descriptor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.errors import ProtocolError
from mvd.metrics.distances import repeated_rows, unit_rows
from mvd.metrics.jaccard import expand, jaccard_distance, mark, nearest_pictures, weigh
from mvd.metrics.ranking import Floats, block_rows

_LONGEST = float(np.sqrt(np.finfo(np.float32).max))  # its square is the largest float32


@dataclass(frozen=True, kw_only=True)
class Reranking:
    """The parameters of k-reciprocal re-ranking; the defaults are the paper's.

    Attributes:
        k1: number of neighbours of a picture, at least 1.
        k2: number of nearest pictures, itself included, that a set is averaged over; 1…k1, 1 for no averaging.
        weight: λ, the weight of the original distance, 0…1.

    Raises:
        ProtocolError: a parameter is out of range; the message names it.

    Example:
        >>> Reranking(k1=30).name
        'k-reciprocal (k1 30, k2 6, λ 0.3)'
    """

    k1: int = 20
    k2: int = 6
    weight: float = 0.3

    def __post_init__(self) -> None:
        if self.k1 < 1:
            raise ProtocolError(f"re-ranking: expected k1 of at least 1, found {self.k1}")
        if not 1 <= self.k2 <= self.k1:
            raise ProtocolError(f"re-ranking: expected k2 from 1 to k1, which is {self.k1}, found {self.k2}")
        if not 0 <= self.weight <= 1:
            raise ProtocolError(f"re-ranking: expected a weight from 0 to 1, found {self.weight}")

    @property
    def name(self) -> str:
        """The label of results, such as "k-reciprocal (k1 20, k2 6, λ 0.3)"."""
        return f"k-reciprocal (k1 {self.k1}, k2 {self.k2}, λ {self.weight:g})"


class _Distances(NamedTuple):
    """Euclidean distances among queries and gallery: (Q, G), and symmetric (Q, Q) and (G, G)."""

    query_gallery: Floats
    query_query: Floats
    gallery_gallery: Floats

    def blocks(self) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Yield rows, of queries or of gallery, and their normalised distances (B, N), new for each block."""
        start = 0
        for to_queries, to_gallery in (
            (self.query_query, self.query_gallery),
            (self.query_gallery.T, self.gallery_gallery),
        ):
            step = block_rows(to_queries.shape[1] + to_gallery.shape[1])
            for low in range(0, len(to_queries), step):
                block = np.concatenate([to_queries[low : low + step], to_gallery[low : low + step]], axis=1)
                yield slice(start, start + len(block)), _normalise(block)
                start += len(block)


def rerank(
    query_gallery: Floats,
    query_query: Floats,
    gallery_gallery: Floats,
    *,
    k1: int = 20,
    k2: int = 6,
    weight: float = 0.3,
) -> npt.NDArray[np.float32]:
    """Compute re-ranked distances from Euclidean ones.

    Args:
        query_gallery: (Q, G), any float type; not squared.
        query_query: (Q, Q), symmetric.
        gallery_gallery: (G, G), symmetric.
        k1: number of neighbours of a picture, less than N.
        k2: number of nearest pictures that a set of neighbours is averaged over, 1…k1.
        weight: weight of the original distance, 0…1.

    Returns:
        (Q, G) distances from 0 to 1 up to rounding, comparable within a row.

    Raises:
        ProtocolError: shapes disagree, a distance is negative or not finite, or a parameter is out of range.

    Example:
        >>> line = np.array([0.0, 1.0, 4.0, 5.0])
        >>> among = np.abs(line[:, None] - line)
        >>> rerank(among[:1, 1:], among[:1, :1], among[1:, 1:], k1=1, k2=1, weight=0).round(2)
        array([[0.05, 1.  , 1.  ]], dtype=float32)
    """
    parameters = Reranking(k1=k1, k2=k2, weight=weight)
    distances = _Distances(query_gallery, query_query, gallery_gallery)
    _check(distances, parameters)
    Q, G = query_gallery.shape
    nearest = np.empty((Q + G, k1 + 1), dtype=np.int32)
    original = np.empty((Q, G), dtype=np.float32)
    for rows, block in distances.blocks():
        nearest[rows] = nearest_pictures(block, k1 + 1)
        if rows.stop <= Q:
            original[rows] = block[:, Q:]
    sets = weigh(expand(nearest, k1), distances.blocks())
    if k2 > 1:
        sets = mark(nearest[:, :k2], 1 / k2) @ sets
    reranked = jaccard_distance(sets[:Q], sets[Q:].tocsc())
    reranked *= 1 - weight
    original *= weight
    reranked += original
    return reranked


def rerank_descriptors(
    queries: npt.NDArray[np.float32], gallery: npt.NDArray[np.float32], reranking: Reranking
) -> npt.NDArray[np.float32]:
    """Compute re-ranked distances from the directions of descriptors.

    Args:
        queries: (Q, D) descriptors of any length.
        gallery: (G, D) descriptors of any length.
        reranking: the parameters; `k1` is less than N.

    Returns:
        (Q, G) distances from 0 to 1 up to rounding, comparable within a row.

    Raises:
        ProtocolError: widths disagree, a descriptor is not finite, or there are too few pictures for k1.
    """
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise ProtocolError(
            f"re-ranking: expected queries (Q, D) and gallery (G, D) of one width, found {queries.shape} and "
            f"{gallery.shape}; embed both with the same weights"
        )
    for name, rows in (("queries", queries), ("gallery", gallery)):
        if not np.isfinite(rows).all():
            raise ProtocolError(f"re-ranking: expected finite descriptors in {name}, found NaN or infinity")
    rows, columns = unit_rows(queries), unit_rows(gallery)
    distances = _Distances(_unit_distance(rows, columns), _unit_distance(rows, rows), _unit_distance(columns, columns))
    _equalise(distances, *repeated_rows(np.concatenate([queries, gallery]), np.arange(len(queries) + len(gallery))))
    return rerank(*distances, **asdict(reranking))


def _check(distances: _Distances, parameters: Reranking) -> None:
    shape = distances.query_gallery.shape
    if len(shape) != 2 or 0 in shape:
        raise ProtocolError(
            f"re-ranking: expected query_gallery (Q, G) of at least one query and one gallery picture, found {shape}"
        )
    Q, G = shape
    for (name, values), expected in zip(distances._asdict().items(), ((Q, G), (Q, Q), (G, G)), strict=True):
        if values.shape != expected:
            raise ProtocolError(
                f"re-ranking: expected {name} of shape {expected}, as query_gallery has it, found {values.shape}"
            )
        least, most = values.min(), values.max()
        if not 0 <= least <= most <= _LONGEST:  # false for NaN, too
            raise ProtocolError(
                f"re-ranking: expected distances in {name} from 0 to {_LONGEST:.1e}, found {least} to {most}; "
                "give Euclidean distances of finite descriptors"
            )
    require_neighbours(parameters.k1, Q, G)


def require_neighbours(k1: int, Q: int, G: int) -> None:
    """Check that k1 is less than the number of pictures.

    Raises:
        ProtocolError: there are too few pictures.
    """
    if k1 >= Q + G:
        raise ProtocolError(
            f"re-ranking: expected k1 of at most {Q + G - 1}, the others of {Q} queries and {G} gallery pictures, "
            f"found {k1}; choose a smaller k1, or rank without"
        )


def _unit_distance(units: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Compute √(1 − cosine), the Euclidean distance without a factor √2, which `_normalise` would remove."""
    distances: npt.NDArray[np.float32] = units @ others.T  # NumPy computes only half of it for an array with itself
    np.subtract(1, distances, out=distances)
    np.maximum(distances, 0, out=distances)  # rounding
    if units is others:
        np.fill_diagonal(distances, 0)  # rounding again; and rows of zeros have cosine 0 with themselves
    return np.sqrt(distances, out=distances)


def _equalise(distances: _Distances, copies: npt.NDArray[np.intp], originals: npt.NDArray[np.intp]) -> None:
    """Make the distances of equal pictures equal, in place: a matrix product rounds differently at its edges.

    Args:
        distances: of Q queries and G gallery pictures.
        copies: (R,) pictures that equal an earlier one, queries counted before gallery.
        originals: (R,) the first picture that each equals.
    """
    query_gallery, query_query, gallery_gallery = distances
    Q = len(query_query)
    for copy, original in zip(copies.tolist(), originals.tolist(), strict=True):
        if original < Q:
            to_queries, to_gallery = query_query[original], query_gallery[original]
        else:
            to_queries, to_gallery = query_gallery[:, original - Q], gallery_gallery[original - Q]
        if copy < Q:
            query_query[:, copy] = to_queries  # a column before its row, so that equal pictures are at distance 0
            query_query[copy] = to_queries
            query_gallery[copy] = to_gallery
        else:
            query_gallery[:, copy - Q] = to_queries
            gallery_gallery[:, copy - Q] = to_gallery
            gallery_gallery[copy - Q] = to_gallery


def _normalise(block: Floats) -> npt.NDArray[np.float32]:
    """Square distances (B, N) and divide them by the largest of their row, unless it is 0."""
    squares = np.square(block, dtype=np.promote_types(block.dtype, np.float32)).astype(np.float32, copy=False)
    farthest = squares.max(axis=1, keepdims=True)
    np.divide(squares, farthest, out=squares, where=farthest > 0)
    return squares
