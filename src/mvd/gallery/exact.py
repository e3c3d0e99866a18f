"""Exact search: inner products of queries with every embedding, computed in blocks.

Shapes: N rows, Q queries, D width, M nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.gallery.columns import ABOUT, VECTOR
from mvd.gallery.table import Ids, PictureTable

if TYPE_CHECKING:
    import pyarrow as pa

Vectors = npt.NDArray[np.float32]

EXACT_ROWS = 200_000
"""Maximum number of rows for exact search."""


class Nearest(NamedTuple):
    """The nearest rows of a set of queries, most similar first.

    Attributes:
        ids: (M,) LanceDB's row ids.
        similarities: (M,) float32, similarity to the most similar query.
        queries: (M,) index of that query.
        rows: number of rows searched.
        about: the columns `ABOUT` of the rows, if they are already loaded; else None.
    """

    ids: Ids
    similarities: npt.NDArray[np.float32]
    queries: npt.NDArray[np.int64]
    rows: int
    about: pa.Table | None = None


class Kept(NamedTuple):
    """Rows kept in memory.

    Attributes:
        ids: (N,) LanceDB's row ids.
        vectors: (N, D) embeddings.
        about: the columns `ABOUT` of the N rows.
    """

    ids: Ids
    vectors: Vectors
    about: pa.Table


class Exact:
    """Exact search over all embeddings of a table, or of its rows that match a condition.

    If `keep` is set, rows stay in memory between searches, until the table changes. They take at least N × D × 4 bytes.
    The rows of the whole table are kept, if it is searched, and those of the latest conditions, up to `EXACT_ROWS` rows
    of conditions in total.

    Args:
        table: the rows.
        keep: whether to keep rows in memory.
    """

    def __init__(self, table: PictureTable, *, keep: bool) -> None:
        self._table = table
        self._keep = keep
        self._state: tuple[str, int] | None = None
        self._kept: dict[str | None, Kept] = {}
        self._asked: set[str] = set()

    def nearest(self, queries: Vectors, where: str | None, count: int) -> Nearest:
        """Find the `count` rows nearest to any of the queries (Q, D); ties keep the order of the table."""
        if self._keep:
            kept = self._rows(where)
            chosen, found = _nearest_of([(kept.ids, kept.vectors)], queries, count)
            return found._replace(about=kept.about.take(chosen))
        return _nearest_of(read_vectors(self._table, where), queries, count)[1]

    def covers(self, where: str | None) -> bool:
        """Return whether exact search is better than the index for a condition: it is repeated and matches few rows.

        At each search with a condition, the index looks up each of its rows among the matching rows.
        """
        if where is None or not self._keep:
            return False
        self._renew()
        if where not in self._asked:
            self._asked.add(where)
            return False
        return self._table.once(("rows", where), lambda: self._table.count(where)) <= EXACT_ROWS

    def _rows(self, where: str | None) -> Kept:
        self._renew()
        rows = self._kept.pop(where, None) or self._load(where)
        conditions = sum(len(kept.ids) for key, kept in self._kept.items() if key is not None)
        for key in [key for key in self._kept if key is not None]:
            if conditions + len(rows.ids) <= EXACT_ROWS:
                break
            conditions -= len(self._kept.pop(key).ids)
        self._kept[where] = rows  # most recently used last
        return rows

    def _load(self, where: str | None) -> Kept:
        if where is not None and None in self._kept:
            whole = self._kept[None]
            rows = np.flatnonzero(np.isin(whole.ids, row_ids(self._table.read(["modality"], where))))
            return Kept(whole.ids[rows], whole.vectors[rows], whole.about.take(rows))
        read = self._table.read([*ABOUT, VECTOR], where)
        # Combine the chunks once: `take` would combine them at every search.
        about = read.select(ABOUT).combine_chunks()
        return Kept(row_ids(read), batch_vectors(read, self._table.settings.model.width), about)

    def _renew(self) -> None:
        """Drop what was kept of another state of the table."""
        if self._state != self._table.state:
            self._state = self._table.state
            self._kept, self._asked = {}, set()


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


def _nearest_of(
    blocks: Iterable[tuple[Ids, Vectors]], queries: Vectors, count: int
) -> tuple[npt.NDArray[np.intp], Nearest]:
    """Find the nearest rows over all blocks; return their indices among all rows, and the rows."""
    ids, products = [np.zeros(0, np.uint64)], [np.zeros((0, len(queries)), np.float32)]
    for some, vectors in blocks:
        ids.append(some)
        products.append(vectors @ queries.T)
    names, values = np.concatenate(ids), np.concatenate(products)
    chosen = best_first(values[:, 0] if len(queries) == 1 else values.max(axis=1), count)
    best = values[chosen].argmax(axis=1)
    similarities = np.take_along_axis(values[chosen], best[:, None], axis=1)[:, 0]
    return chosen, Nearest(names[chosen], similarities, best, len(names))
