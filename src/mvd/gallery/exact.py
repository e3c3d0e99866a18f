"""Exact search: inner products of queries with every embedding, computed in blocks.

Shapes: N rows, Q queries, D width, M nearest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.gallery.columns import VECTOR
from mvd.gallery.table import Ids, PictureTable

Vectors = npt.NDArray[np.float32]


class Nearest(NamedTuple):
    """The nearest rows of a set of queries, most similar first.

    Attributes:
        ids: (M,) LanceDB's row ids.
        similarities: (M,) float32, similarity to the most similar query.
        queries: (M,) index of that query.
        rows: number of rows searched.
    """

    ids: Ids
    similarities: npt.NDArray[np.float32]
    queries: npt.NDArray[np.int64]
    rows: int


class Exact:
    """Exact search over all embeddings of a table.

    Args:
        table: the rows.
        keep: keep the embeddings in memory between searches (N × D × 4 bytes), until the table changes.
    """

    def __init__(self, table: PictureTable, *, keep: bool) -> None:
        self._table = table
        self._keep = keep
        self._version = -1
        self._kept: tuple[Ids, Vectors] | None = None

    def nearest(self, queries: Vectors, where: str | None, count: int) -> Nearest:
        """Find the `count` rows nearest to any of the queries (Q, D); ties keep the order of the table."""
        ids, similarities, best = [], [], []
        for some, vectors in self._blocks(where):
            products = vectors @ queries.T
            nearest = products.argmax(axis=1)
            ids.append(some)
            best.append(nearest)
            similarities.append(np.take_along_axis(products, nearest[:, None], axis=1)[:, 0])
        if not ids:
            return Nearest(np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.int64), 0)
        found = Nearest(np.concatenate(ids), np.concatenate(similarities), np.concatenate(best), sum(map(len, ids)))
        chosen = best_first(found.similarities, count)
        return Nearest(found.ids[chosen], found.similarities[chosen], found.queries[chosen], found.rows)

    def _blocks(self, where: str | None) -> Iterator[tuple[Ids, Vectors]]:
        if not self._keep:
            yield from read_vectors(self._table, where)
            return
        if self._kept is None or self._version != self._table.version:
            self._version = self._table.version
            self._kept = _join(read_vectors(self._table, None), self._table.settings.model.width)
        ids, vectors = self._kept
        if where is None:
            yield ids, vectors
            return
        wanted = row_ids(self._table.read(["modality"], where))
        rows = np.flatnonzero(np.isin(ids, wanted))
        yield ids[rows], vectors[rows]


def read_vectors(table: PictureTable, where: str | None) -> Iterator[tuple[Ids, Vectors]]:
    """Read embeddings batch by batch, each with LanceDB's row ids."""
    for batch in table.batches([VECTOR], where):
        yield row_ids(batch), batch_vectors(batch, table.settings.model.width)


def batch_vectors(batch: object, width: int) -> Vectors:
    """Return the embeddings (N, D) of a table or a record batch."""
    column = batch.column(VECTOR)  # type: ignore[attr-defined] # pyarrow's two classes have no common base
    column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    values: Vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return values


def row_ids(batch: object) -> Ids:
    """Return LanceDB's row ids (N,) of a table or a record batch."""
    return np.asarray(batch.column("_rowid").to_numpy(), dtype=np.uint64)  # type: ignore[attr-defined] # as above


def best_first(similarities: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """Return the indices (M,) of the largest similarities, in descending order; ties keep their order."""
    kept = np.arange(len(similarities))
    if count < len(kept):
        least = -np.partition(-similarities, count - 1)[count - 1]
        kept = np.flatnonzero(similarities >= least)
    order: npt.NDArray[np.intp] = kept[np.argsort(-similarities[kept], kind="stable")][:count]
    return order


def _join(blocks: Iterator[tuple[Ids, Vectors]], width: int) -> tuple[Ids, Vectors]:
    read = list(blocks)
    if not read:
        return np.zeros(0, np.uint64), np.zeros((0, width), np.float32)
    return np.concatenate([ids for ids, _ in read]), np.concatenate([vectors for _, vectors in read])
