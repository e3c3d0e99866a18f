"""The index of a large gallery: LanceDB's HNSW graph over embeddings quantised to eight bits, and indices of filters.

Up to `EXACT_ROWS` rows a product with all embeddings is fast enough and finds everything. Above, candidates come from
the graph, and their similarities are computed again from the embeddings themselves.

Shapes: Q queries, D width, M nearest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mvd.gallery.columns import ABOUT, ROW, VECTOR
from mvd.gallery.exact import EXACT_ROWS, Nearest, Vectors, batch_vectors, best_first, read_vectors, row_ids
from mvd.gallery.table import PictureTable, explained

if TYPE_CHECKING:
    import pyarrow as pa

_PARTITION = 1_000_000  # rows of one graph
_NEIGHBOURS, _BUILD = 16, 100  # edges of a node, and candidates for them
_CANDIDATES = 200  # that a search keeps, at least
_PARTS = 16  # graphs, up to which rows are indexed as soon as they are added
_UNINDEXED = 20_000  # rows beside a larger number of graphs
_MARGIN, _MOST = 6, 1000  # candidates for each row that fulfils a condition, and how many there may be
_FILTERED = {"camera": "BITMAP", "modality": "BITMAP", "identity": "BTREE", "time": "BTREE", ROW: "BTREE"}
_NAME = "vector_idx"


class IndexState(NamedTuple):
    """The state of an index.

    Attributes:
        kind: such as "IVF_HNSW_SQ".
        indexed: rows in it.
        unindexed: rows that it lacks.
        parts: graphs that it has; bringing it up to date adds one.
    """

    kind: str
    indexed: int
    unindexed: int
    parts: int


def index_state(table: PictureTable) -> IndexState | None:
    """Describe the index; None where there is none."""
    return table.once(("index",), lambda: _index_state(table))


def _index_state(table: PictureTable) -> IndexState | None:
    with explained(table.place, "read the gallery's index"):
        if all(one.name != _NAME for one in table.handle.list_indices()):
            return None
        found = table.handle.index_stats(_NAME)
        return IndexState(found.index_type, found.num_indexed_rows, found.num_unindexed_rows, found.num_indices or 1)


def index_is_due(table: PictureTable, *, rows: int, exact_rows: int = EXACT_ROWS) -> bool:
    """Tell whether a gallery has outgrown exact search, or its index."""
    if rows <= exact_rows:
        return False
    state = index_state(table)
    if state is None:
        return True
    # A hundred rows beside the index cost a search as much as all in it, and each further graph a twentieth of that.
    return state.unindexed > (0 if state.parts < _PARTS else max(_UNINDEXED, state.indexed // 20))


def build_index(table: PictureTable) -> None:
    """Build the index, or bring it up to date; rows that are added meanwhile are searched one by one."""
    from lancedb.index import Bitmap, BTree, HnswSq

    with explained(table.place, "index the gallery"):
        table.handle.optimize()  # joins small files, and adds rows to an index that is there
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


def drop_indices(table: PictureTable) -> bool:
    """Remove every index; tell whether there was one."""
    with explained(table.place, "remove the gallery's index"):
        names = [one.name for one in table.handle.list_indices()]
        for name in names:
            table.handle.drop_index(name)
    return bool(names)


def nearest_by_index(table: PictureTable, queries: Vectors, where: str | None, count: int, rows: int) -> Nearest:
    """Find about the `count` rows nearest to any of the queries (Q, D)."""
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
    """Find about the `count` rows nearest to a query (D,).

    With a condition, LanceDB looks each row of the graph up among those that fulfil it. Where most do, more candidates
    without the condition are found sooner, and those that do not fulfil it are dropped, unless too few are left.
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
    """Measure which share of the exact nearest rows the index finds, for pictures of the gallery as queries.

    Returns:
        The share, and the number of queries. A query itself does not count.
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
