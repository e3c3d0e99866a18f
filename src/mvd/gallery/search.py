"""A search: candidates, their order, tracklets, and a decision.

Shapes: Q queries, D width of an embedding, M candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.errors import ConfigError
from mvd.gallery.columns import ABOUT, VECTOR
from mvd.gallery.exact import EXACT_ROWS, Exact, Vectors, batch_vectors
from mvd.gallery.index import index_state, nearest_by_index
from mvd.gallery.table import PictureTable
from mvd.gallery.tracklets import group_tracklets
from mvd.metrics.calibration import Calibration
from mvd.metrics.distances import unit_rows
from mvd.metrics.rerank import Reranking, rerank_descriptors
from mvd.results.gallery import Entry, Hit

Combine: TypeAlias = Literal["mean", "best"]
"""How several pictures of one person make one query: the mean of their embeddings, or the best of their results."""

SHORTLIST = 1000
"""Candidates that re-ranking sees; it holds a few squares of this number in memory."""

_MORE = 5  # candidates for each result, of which tracklets take several
_FEWEST = 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """Candidates of a search, grouped, the best first.

    Attributes:
        entries: M pictures, each the best of its tracklet.
        similarities: (M,) inner products.
        queries: (M,) the query that each is most similar to.
        pictures: (M,) sizes of their tracklets.
        distances: (M,) re-ranked; None without.
        rows: rows that were searched.
        method: "exact" or "index".
        notes: what the user should know.
    """

    entries: tuple[Entry, ...]
    similarities: npt.NDArray[np.float32]
    queries: npt.NDArray[np.int64]
    pictures: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float32] | None
    rows: int
    method: Literal["exact", "index"]
    notes: tuple[str, ...]


def combine(vectors: Vectors, how: Combine) -> Vectors:
    """Make one query of several pictures of one person.

    Args:
        vectors: (Q, D) of length 1.
        how: see `Combine`.

    Returns:
        (1, D) or (Q, D) of length 1.

    Raises:
        ConfigError: there are none.
    """
    if not len(vectors):
        raise ConfigError("expected a picture to search with, found none; name one")
    return unit_rows(vectors.mean(axis=0, keepdims=True)) if how == "mean" else vectors


def find(
    table: PictureTable,
    exact: Exact,
    queries: Vectors,
    *,
    where: str | None,
    top: int,
    group_seconds: float,
    reranking: Reranking | None,
    without: frozenset[str] = frozenset(),
    exact_rows: int = EXACT_ROWS,
) -> Found:
    """Find the pictures that are nearest to a query.

    Args:
        table: the rows.
        exact: searches small galleries, and few rows of large ones.
        queries: (Q, D), of one person.
        where: which rows count.
        top: results.
        group_seconds: the longest gap within a tracklet; 0 groups nothing.
        reranking: re-rank the nearest `SHORTLIST` pictures; None leaves them by similarity.
        without: hashes of pictures that do not count, such as the query itself.
        exact_rows: rows up to which search is exact.
    """
    rows = table.count()
    by_index = rows > exact_rows and index_state(table) is not None and not exact.covers(where)
    wanted = max(top * _MORE, _FEWEST) if group_seconds > 0 else top
    count = max(SHORTLIST if reranking else 0, wanted) + len(without)
    while True:
        if by_index:
            nearest = nearest_by_index(table, queries, where, count, rows)
        else:
            nearest = exact.nearest(queries, where, count)
        about = nearest.about
        if about is None or reranking is not None:
            about = table.take(nearest.ids, ABOUT if reranking is None else (*ABOUT, VECTOR))
        others = np.flatnonzero([one not in without for one in about.column("hash").to_pylist()])
        kept = about.take(others)
        order, distances = np.arange(len(others)), None
        if reranking is not None and len(others):
            order, distances = _rerank(queries, batch_vectors(kept, queries.shape[1]), reranking)
        column = {name: kept.column(name).to_pylist() for name in ABOUT}
        first, sizes = _group(column, order, group_seconds)
        if len(first) >= top or len(nearest.ids) < count or reranking is not None:
            break
        count *= 4
    shown = order[first[:top]]
    left_out = len(about) - len(others)
    return Found(
        entries=tuple(to_entry({name: column[name][at] for name in ABOUT}) for at in shown.tolist()),
        similarities=nearest.similarities[others][shown],
        queries=nearest.queries[others][shown],
        pictures=sizes[:top],
        distances=None if distances is None else distances[shown],
        rows=nearest.rows if where is None or not by_index else table.once(("rows", where), lambda: table.count(where)),
        method="index" if by_index else "exact",
        notes=("the query itself is in the gallery; it was left out",) if left_out else (),
    )


def decide(
    found: Found,
    calibration: Calibration | None,
    query_modalities: Sequence[int],
    *,
    people: Callable[[], int],
    gallery_cameras: Callable[[], Mapping[tuple[int, str | None], int]],
    query_camera: str | None = None,
    false_alarms: float,
) -> tuple[tuple[Hit, ...], bool | None, int | None]:
    """Tell what similarities mean.

    A threshold holds for a pair of modalities, or of cameras. Where the gallery has both modalities, each gets half of
    the rate; and of that, each camera that is calibrated with the query's gets as much as it has pictures, and the
    others together the rest; so that all of them together keep to it.

    Args:
        found: candidates.
        calibration: of the model; None if there is none.
        query_modalities: of the pictures that were asked with.
        people: how many people are in the gallery, at most.
        gallery_cameras: pictures by modality and camera, None where unknown, among the rows that were searched.
        query_camera: of all pictures that were asked with; None where unknown.
        false_alarms: the share of people who are not in the gallery for whom a picture may pass.

    Returns:
        The hits; whether one passes, None where that cannot be told; and the number of people.
    """
    asked = set(query_modalities)
    pairs = {(one, entry.modality) for one in asked for entry in found.entries}
    if calibration is None or len(asked) != 1 or not all(calibration.covers(*pair) for pair in pairs):
        return tuple(_hit(found, at, None, None) for at in range(len(found.entries))), None, None
    (query,) = asked
    count = max(1, people())
    prior = 1 / max(2, count)
    pictures = _by_calibration(calibration, query, query_camera, gallery_cameras())
    spectra = Counter[int]()
    for (modality, _), group in pictures.items():
        spectra[modality] += group
    thresholds = {
        (modality, camera): calibration.threshold(
            false_alarms / len(spectra) * group / spectra[modality],
            min(count, group),
            query,
            modality,
            cameras=(query_camera, camera),
        )
        for (modality, camera), group in pictures.items()
    }
    hits = []
    for at, entry in enumerate(found.entries):
        similarity, cameras = float(found.similarities[at]), (query_camera, entry.camera)
        chance = float(calibration.probability([similarity], query, entry.modality, cameras=cameras, prior=prior)[0])
        by = entry.camera if calibration.covers(query, entry.modality, cameras=cameras) else None
        hits.append(_hit(found, at, chance, similarity >= thresholds[entry.modality, by]))
    return tuple(hits), any(hit.passes for hit in hits), count


def _by_calibration(
    calibration: Calibration, query: int, query_camera: str | None, pictures: Mapping[tuple[int, str | None], int]
) -> Counter[tuple[int, str | None]]:
    """Count pictures by modality, and by camera where that is calibrated with the query's; None for the others."""
    counts: Counter[tuple[int, str | None]] = Counter()
    for (modality, camera), count in pictures.items():
        known = calibration.covers(query, modality, cameras=(query_camera, camera))
        counts[modality, camera if known else None] += count
    return counts


def to_entry(row: Mapping[str, Any]) -> Entry:
    """Make an entry of a row's columns."""
    return Entry(
        row=row["row"],
        path=row["path"],
        hash=row["hash"],
        modality=row["modality"],
        modality_source=row["modality_source"],
        camera=row["camera"],
        time=_moment(row["time"]),
        identity=row["identity"],
        tags=tuple(row["tags"] or ()),
        added=datetime.fromtimestamp(row["added"] / 1e6, timezone.utc),
    )


def _hit(found: Found, at: int, probability: float | None, passes: bool | None) -> Hit:
    return Hit(
        entry=found.entries[at],
        similarity=float(found.similarities[at]),
        probability=probability,
        passes=passes,
        pictures=int(found.pictures[at]),
        distance=None if found.distances is None else float(found.distances[at]),
    )


def _rerank(
    queries: Vectors, candidates: Vectors, reranking: Reranking
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Re-rank candidates (M, D); return their order (M,) and distances (M,) to the nearest query."""
    most = len(queries) + len(candidates) - 1
    k1 = min(reranking.k1, most)
    if k1 < 1:
        return np.arange(len(candidates)), np.zeros(len(candidates), np.float32)
    fitting = Reranking(k1=k1, k2=min(reranking.k2, k1), weight=reranking.weight)
    distances = rerank_descriptors(queries, candidates, fitting).min(axis=0)
    return np.argsort(distances, kind="stable"), distances


def _group(
    column: Mapping[str, Sequence[Any]], order: npt.NDArray[np.intp], seconds: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Group candidates into tracklets, in their order.

    Returns:
        (T,) the place in the order of the best picture of each, ascending, and (T,) their sizes.
    """
    ranked = {name: [column[name][at] for at in order.tolist()] for name in ("camera", "time", "identity")}
    groups = group_tracklets(ranked["camera"], ranked["time"], ranked["identity"], seconds)
    first, sizes = np.unique(groups, return_counts=True)
    return first, sizes


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    return datetime.fromtimestamp(microseconds / 1e6, timezone.utc)
