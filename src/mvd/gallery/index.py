"""The index of a large gallery: LanceDB's HNSW graph over 8-bit quantised embeddings, and indices for filters.

Up to `EXACT_ROWS` rows, exact search is fast enough. Above, the graph finds candidates, and their similarities are
recomputed from the full-precision embeddings.

Shapes: Q queries, D width, M nearest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvd.gallery.columns import ABOUT, ROW, VECTOR
from mvd.gallery.exact import Nearest, Vectors, batch_vectors, best_first, read_vectors, row_ids
from mvd.gallery.table import PictureTable, explained

if TYPE_CHECKING:
    import pyarrow as pa

_PARTITION = 1_000_000  # rows per graph
_NEIGHBOURS, _BUILD = 16, 100  # HNSW's m and ef_construction
_CANDIDATES = 200  # minimum ef of a search
_PARTS = 16  # number of graphs below which rows are indexed as soon as they are added
_UNINDEXED = 20_000  # with more graphs, number of unindexed rows above which the index is updated
_MARGIN, _MOST = 6, 1000  # candidates per result of a search filtered afterwards, and their maximum number
_FILTERED = {"camera": "BITMAP", "modality": "BITMAP", "identity": "BTREE", "time": "BTREE", ROW: "BTREE"}
_NAME = "vector_idx"


class IndexState(NamedTuple):
    """The state of an index.

    Attributes:
        kind: such as "IVF_HNSW_SQ".
        indexed: rows in the index.
        unindexed: rows that are not in the index.
        parts: number of graphs; each update adds one.
    """

    kind: str
    indexed: int
    unindexed: int
    parts: int


def index_state(table: PictureTable) -> IndexState | None:
    """Return the state of the index; None if there is no index."""
    return table.once(("index",), lambda: _index_state(table))


def _index_state(table: PictureTable) -> IndexState | None:
    with explained(table.place, "read the gallery's index"):
        if all(one.name != _NAME for one in table.handle.list_indices()):
            return None
        found = table.handle.index_stats(_NAME)
        return IndexState(found.index_type, found.num_indexed_rows, found.num_unindexed_rows, found.num_indices or 1)


def index_is_due(table: PictureTable, *, rows: int, exact_rows: int) -> bool:
    """Return whether a gallery needs an index, or its index needs an update."""
    if rows <= exact_rows:
        return False
    state = index_state(table)
    if state is None:
        return True
    # A hundred unindexed rows slow a search as much as all indexed ones; a further graph adds a twentieth of that.
    return state.unindexed > (0 if state.parts < _PARTS else max(_UNINDEXED, state.indexed // 20))


def build_index(table: PictureTable) -> None:
    """Build or update the index; rows added meanwhile are searched exhaustively.

    If another process has built it at the same time, its index is kept.
    """
    with explained(table.place, "index the gallery"):
        try:
            _build(table)
        except Exception as error:  # LanceDB's errors have no common base
            if "conflict" not in str(error).lower():
                raise
            table.refresh()


def _build(table: PictureTable) -> None:
    from lancedb.index import Bitmap, BTree, HnswSq

    table.handle.optimize()  # merges small files, and adds rows to an existing index
    if index_state(table) is not None:
        return
    rows = table.count()
    table.handle.create_index(
        VECTOR,
        config=HnswSq(
            distance_type="cosine",
            num_partitions=max(1, round(rows / _PARTITION)),
            m=_NEIGHBOURS,
            ef_construction=_BUILD,
        ),
        name=_NAME,
    )
    for column, kind in _FILTERED.items():
        table.handle.create_index(column, config=Bitmap() if kind == "BITMAP" else BTree())


def drop_indices(table: PictureTable) -> None:
    """Drop all indices."""
    with explained(table.place, "remove the gallery's index"):
        for one in table.handle.list_indices():
            table.handle.drop_index(one.name)


def nearest_by_index(table: PictureTable, queries: Vectors, where: str | None, count: int, rows: int) -> Nearest:
    """Find approximately the `count` rows nearest to any of the queries (Q, D)."""
    import pyarrow as pa

    with explained(table.place, "search the gallery"):
        found = pa.concat_tables([_candidates(table, query, where, count, rows) for query in queries])
    ids, first = np.unique(row_ids(found), return_index=True)  # a row may be near to several queries
    products = batch_vectors(found, table.settings.model.width)[first] @ queries.T
    best = products.argmax(axis=1)
    similarities = np.take_along_axis(products, best[:, None], axis=1)[:, 0]
    chosen = best_first(similarities, count)
    about = found.select(ABOUT).take(first[chosen])
    return Nearest(ids[chosen], similarities[chosen], best[chosen], rows, about)


def _candidates(table: PictureTable, query: Vectors, where: str | None, count: int, rows: int) -> pa.Table:
    """Find approximately the `count` rows nearest to a query (D,).

    With a condition, LanceDB looks up each row of the graph among the matching rows. If most rows match, it is faster
    to find more candidates without the condition and drop those that do not match. If too few are left, the condition
    is applied in the search.
    """

    def search(limit: int) -> Any:
        return (
            table.handle.search(query, vector_column_name=VECTOR)
            .distance_type("cosine")
            .ef(max(_CANDIDATES, limit))
            .nprobes(max(1, round(rows / _PARTITION)))
            .select([*ABOUT, VECTOR, "_distance"])
            .with_row_id(True)
            .limit(limit)
        )

    if where is None:
        return search(count).to_arrow()
    fulfil = table.once(("rows", where), lambda: table.count(where))
    wanted = math.ceil(_MARGIN * count * rows / max(fulfil, 1))
    if wanted <= _MOST:
        found = search(wanted).where(where, prefilter=False).to_arrow()
        if found.num_rows >= min(count, fulfil):
            return found.slice(0, count)
    return search(count).where(where, prefilter=True).to_arrow()


def measure_recall(table: PictureTable, *, queries: int = 100, top: int = 10, seed: int = 0) -> tuple[float, int]:
    """Measure the recall of the index: the fraction of the exact nearest rows that it finds.

    Queries are random pictures of the gallery; a query's own row does not count.

    Returns:
        The recall, and the number of queries.
    """
    rows = table.count()
    rng = np.random.default_rng(seed)
    wanted = np.sort(rng.choice(rows, min(queries, rows), replace=False))
    drawn, seen = [], 0
    for _, vectors in read_vectors(table, None):
        inside = wanted[(wanted >= seen) & (wanted < seen + len(vectors))] - seen
        drawn.append(vectors[inside])
        seen += len(vectors)
    asked = np.concatenate(drawn)
    best = np.full((len(asked), top + 1), -np.inf, np.float32)
    ids = np.zeros((len(asked), top + 1), np.uint64)
    for some, vectors in read_vectors(table, None):
        products = np.concatenate([best, asked @ vectors.T], axis=1)
        names = np.concatenate([ids, np.broadcast_to(some, (len(asked), len(some)))], axis=1)
        chosen = np.argpartition(-products, top, axis=1)[:, : top + 1]
        best, ids = (np.take_along_axis(one, chosen, axis=1) for one in (products, names))
    hits = 0
    for query, exact, values in zip(asked, ids, best, strict=True):
        others = exact[np.argsort(-values, kind="stable")][1:]
        found = nearest_by_index(table, query[None], None, top + 1, rows).ids
        hits += len(set(others.tolist()) & set(found.tolist()))
    return hits / max(1, len(asked) * min(top, rows - 1)), len(asked)
