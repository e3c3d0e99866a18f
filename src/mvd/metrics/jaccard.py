"""k-reciprocal neighbours, and the Jaccard distance of their weighted sets; `rerank` describes the method.

Shapes: Q queries, G gallery, N = Q + G pictures, queries first, B of them in a block, K nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mvd.errors import needing_scipy
from mvd.metrics.ranking import block_rows

if TYPE_CHECKING:
    from scipy.sparse import csc_array, csr_array


def _sparse() -> Any:
    """Import SciPy's sparse arrays, which only re-ranking needs."""
    with needing_scipy("re-ranking"):
        from scipy import sparse
    return sparse


def nearest_pictures(block: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """List the nearest pictures (B, K) of each row (B, N), the nearest first."""
    # Non-negative floats sort like their bits; the column in the lower bits breaks ties.
    keys = block.view(np.int32).astype(np.int64)
    keys <<= 32
    keys |= np.arange(block.shape[1])
    keys.partition(count - 1, axis=1)
    return np.sort(keys[:, :count], axis=1) & 0xFFFFFFFF


def mark(members: npt.NDArray[np.int32], value: float) -> csr_array:
    """Build a sparse (N, N) float32 matrix with a value at the members (N, K) of each row."""
    N, K = members.shape
    # A sorted copy, since SciPy may reorder its input.
    indices = np.sort(members, axis=1).ravel()
    return _sparse().csr_array(
        (np.full(N * K, value, dtype=np.float32), indices, np.arange(0, N * K + 1, K)), shape=(N, N)
    )


def _reciprocal(nearest: npt.NDArray[np.int32]) -> csr_array:
    """Mark reciprocal neighbours, given the nearest (N, K), with 1: (N, N), symmetric."""
    near = mark(nearest, 1)
    return near.multiply(near.T).tocsr()


def expand(nearest: npt.NDArray[np.int32], k1: int) -> csr_array:
    """Find the neighbour set of each picture, as the non-zeros of (N, N), from its nearest (N, k1 + 1) in order."""
    whole, half = _reciprocal(nearest), _reciprocal(nearest[:, : round(k1 / 2) + 1])
    sizes = np.diff(half.indptr)
    # Of each neighbour's half neighbourhood, the number that are reciprocal neighbours of the row too.
    added = (whole @ half).multiply(whole).tocsr()
    added.data = (3 * added.data > 2 * sizes[added.indices]).astype(np.float32)
    added.eliminate_zeros()
    return whole + added @ half


def weigh(sets: csr_array, distances: Iterator[tuple[slice, npt.NDArray[np.float32]]]) -> csr_array:
    """Weigh the members of each set (N, N) by exp(−distance), given in blocks (B, N), normalised to a sum of 1."""
    weights = np.empty(sets.nnz, dtype=np.float32)
    for rows, block in distances:
        ends = sets.indptr[rows.start : rows.stop + 1]
        entries = slice(ends[0], ends[-1])
        within = np.repeat(np.arange(len(block)), np.diff(ends))
        near = np.exp(-block[within, sets.indices[entries]])
        weights[entries] = near / np.bincount(within, weights=near)[within]
    return _sparse().csr_array((weights, sets.indices, sets.indptr), shape=sets.shape)


def jaccard_distance(queries: csr_array, gallery: csc_array) -> npt.NDArray[np.float32]:
    """Compute 1 − Σ min / Σ max of the sets, of sum 1, of queries (Q, N) and gallery (G, N): (Q, G)."""
    distances = np.empty((queries.shape[0], gallery.shape[0]), dtype=np.float32)
    holders = np.diff(gallery.indptr)[queries.indices]
    ends = np.append(0, np.cumsum(holders))[queries.indptr]
    step = block_rows(max(gallery.shape[0], int(np.diff(ends).max())))
    for start in range(0, len(distances), step):
        common = _common_weight(queries[start : start + step], gallery)
        distances[start : start + step] = 1 - common / (2 - common)  # Σ max = 2 − Σ min
    return distances


def _common_weight(queries: csr_array, gallery: csc_array) -> npt.NDArray[np.float32]:
    """Sum the smaller weight of each common member of queries (B, N) and gallery (G, N): (B, G)."""
    # Pair each entry of a query with the entries of its column: the gallery pictures with the same member.
    holders = np.diff(gallery.indptr)[queries.indices]
    entries = np.repeat(np.arange(queries.nnz), holders)
    met = np.arange(len(entries)) + (gallery.indptr[queries.indices] - np.cumsum(holders) + holders)[entries]
    smaller = np.minimum(queries.data[entries], gallery.data[met])
    rows = np.repeat(np.arange(queries.shape[0]), np.diff(queries.indptr))[entries]
    common = _sparse().coo_array((smaller, (rows, gallery.indices[met])), shape=(queries.shape[0], gallery.shape[0]))
    sums: npt.NDArray[np.float32] = common.toarray()  # adds duplicates
    return sums
