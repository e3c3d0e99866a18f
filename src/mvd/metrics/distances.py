"""Cosine distances between the rows of one array of descriptors, a strip of queries at a time.

A strip contains the distances of some queries to the whole gallery. It is computed in chunks of the gallery, which are
views where possible. So 20,000 queries against a million pictures need half a gigabyte in addition to the descriptors.

A matrix product rounds differently at the edges of a block, so that the distances of equal rows would differ in the
last digit. Therefore all equal rows of the gallery get the distances of the first of them: they tie for any width,
count, block size and number of threads.

Shapes: N pictures, Q queries, G gallery, D width of a descriptor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Descriptors: TypeAlias = npt.NDArray[np.float32]
Rows: TypeAlias = npt.NDArray[np.intp]

_STRIP_ELEMENTS = 1 << 27  # distances in a strip: 512 MB
_CHUNK_ELEMENTS = 1 << 22  # gallery descriptors read at a time: 16 MB
_ZERO = float(np.finfo(np.float32).tiny)  # rows with a smaller norm have no direction in float32


def unit_rows(rows: Descriptors) -> Descriptors:
    """Scale each row (·, D) to length 1; zero rows stay zero, at cosine distance 1 from all rows."""
    norms = _norms(rows)[:, None]
    units = np.zeros_like(rows)
    np.divide(rows, norms, out=units, where=norms > _ZERO, casting="same_kind")
    return units


def cosine_strips(descriptors: Descriptors, queries: Rows, gallery: Rows) -> Iterator[tuple[slice, Descriptors]]:
    """Compute cosine distances, a strip of queries at a time.

    Args:
        descriptors: (N, D) of any length.
        queries: (Q,) rows of `descriptors`.
        gallery: (G,) rows of `descriptors`, ascending.

    Yields:
        The rows of `queries` in the strip, and their (rows, G) distances: 1 − cosine, from 0 (same direction) to 2, up
        to rounding; the same for equal rows of the gallery. The array is reused for the next strip.
    """
    width = max(1, _CHUNK_ELEMENTS // descriptors.shape[1])
    chunks = [slice(start, min(start + width, len(gallery))) for start in range(0, len(gallery), width)]
    scales = [_negative_inverse(_norms(_take(descriptors, gallery[chunk]))) for chunk in chunks]
    copies, originals = repeated_rows(descriptors, gallery)
    height = max(1, min(len(queries), _STRIP_ELEMENTS // max(len(gallery), 1)))
    strip = np.empty((height, len(gallery)), dtype=np.float32)
    for start in range(0, len(queries), height):
        rows = slice(start, min(start + height, len(queries)))
        distances = strip[: rows.stop - rows.start]
        units = unit_rows(descriptors[queries[rows]])
        for chunk, scale in zip(chunks, scales, strict=True):
            part = distances[:, chunk]
            np.matmul(units, _take(descriptors, gallery[chunk]).T, out=part)
            part *= scale  # cheaper than scaling the descriptors
            part += 1
        copy_columns(distances, copies, originals)
        yield rows, distances


def cosine_distance(queries: Descriptors, gallery: Descriptors) -> Descriptors:
    """Compute the matrix of cosine distances.

    Args:
        queries: (Q, D) descriptors of any length.
        gallery: (G, D) descriptors of any length.

    Returns:
        (Q, G), 1 − cosine, from 0 (same direction) to 2, up to rounding.

    Example:
        >>> cosine_distance(np.eye(1, 2, dtype=np.float32), np.array([[2, 0], [0, 3], [-1, 0]], np.float32)).tolist()
        [[0.0, 1.0, 2.0]]
    """
    both = np.concatenate([queries, gallery])
    rows, columns = np.split(np.arange(len(both)), [len(queries)])
    distances = np.empty((len(queries), len(gallery)), dtype=np.float32)
    for part, strip in cosine_strips(both, rows, columns):
        distances[part] = strip
    return distances


def repeated_rows(descriptors: Descriptors, rows: Rows) -> tuple[Rows, Rows]:
    """Find descriptors that equal an earlier one.

    Args:
        descriptors: (N, D).
        rows: (G,) rows of `descriptors` to compare, ascending.

    Returns:
        Two (R,) arrays of places in `rows`: the repeated rows, ascending, and the first row that each equals.

    Example:
        >>> copies, originals = repeated_rows(np.array([[1, 2], [0, 3], [1, 2]], np.float32), np.arange(3))
        >>> copies.tolist(), originals.tolist()
        ([2], [0])
    """
    # Only rows with the same parity of bits can be equal. Adding 0 turns −0 into 0.
    zero = np.float32(0)
    step = max(1, _CHUNK_ELEMENTS // descriptors.shape[1])
    chunks = (_take(descriptors, rows[start : start + step]) for start in range(0, len(rows), step))
    parities = np.concatenate([np.bitwise_xor.reduce((chunk + zero).view(np.uint32), axis=1) for chunk in chunks])
    _, inverse, counts = np.unique(parities, return_inverse=True, return_counts=True)
    first: dict[bytes, int] = {}
    alike = np.flatnonzero(counts[inverse] > 1)
    values = ((descriptors[rows[at]] + zero).tobytes() for at in alike)
    originals = np.array([first.setdefault(key, int(at)) for key, at in zip(values, alike, strict=True)], np.intp)
    repeated = originals != alike
    return alike[repeated], originals[repeated]


def copy_columns(distances: Descriptors, copies: Rows, originals: Rows) -> None:
    """Copy the values of some columns of distances (·, G) to others, in place."""
    if len(copies):
        for row in distances:
            row[copies] = row[originals]


def _take(descriptors: Descriptors, rows: Rows) -> Descriptors:
    """Select ascending rows: a view if they are consecutive, otherwise a copy."""
    if rows[-1] - rows[0] == len(rows) - 1:
        return descriptors[rows[0] : rows[-1] + 1]
    return descriptors[rows]


def _norms(rows: Descriptors) -> npt.NDArray[np.float64]:
    # float32 would overflow from lengths of 1e19.
    norms: npt.NDArray[np.float64] = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return norms


def _negative_inverse(norms: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    inverse = np.zeros(len(norms))
    np.divide(-1, norms, out=inverse, where=norms > _ZERO)
    return inverse.astype(np.float32)
