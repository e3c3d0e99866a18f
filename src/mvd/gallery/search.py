"""Search a gallery: find candidates, rank them, group them into tracklets, and decide whether the person is there.

Shapes: Q queries, D width of an embedding, M candidates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.errors import ConfigError
from mvd.gallery.columns import ABOUT, VECTOR, moment
from mvd.gallery.exact import EXACT_ROWS, Exact, Vectors, batch_vectors
from mvd.gallery.index import index_state, nearest_by_index
from mvd.gallery.table import PictureTable
from mvd.gallery.tracklets import group_tracklets
from mvd.metrics.calibration import Calibration
from mvd.metrics.distances import unit_rows
from mvd.metrics.rerank import Reranking, rerank_descriptors
from mvd.results.gallery import Entry, Hit

Combine: TypeAlias = Literal["mean", "best"]
"""How to combine several pictures of one person: search with their mean embedding, or take the best result of each."""

SHORTLIST = 1000
"""Number of candidates that are re-ranked; memory grows with its square."""

_MORE = 5  # candidates per result, since a tracklet groups several
_FEWEST = 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """Candidates of a search, grouped into tracklets, best first.

    Attributes:
        entries: M pictures, each the best of its tracklet.
        similarities: (M,) inner products.
        queries: (M,) index of the most similar query.
        pictures: (M,) number of pictures in the tracklet.
        distances: (M,) re-ranked distances; None without re-ranking.
        rows: number of rows searched.
        method: "exact" or "index".
        notes: notes for the user.
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
    """Combine the embeddings of several pictures of one person into a query.

    Args:
        vectors: (Q, D), L2-normalised.
        how: see `Combine`.

    Returns:
        (1, D) or (Q, D), L2-normalised.

    Raises:
        ConfigError: there are no embeddings.
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
    """Find the pictures nearest to a query.

    Args:
        table: the rows.
        exact: exact search, for small galleries and for filters that match few rows.
        queries: (Q, D), of one person.
        where: SQL condition on the rows to search.
        top: number of results.
        group_seconds: longest gap within a tracklet; 0 disables grouping.
        reranking: re-rank the nearest `SHORTLIST` pictures; None ranks by similarity.
        without: hashes of pictures to exclude, such as the query itself.
        exact_rows: maximum number of rows for exact search.
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
        notes=("the query itself is in the gallery; it is not among the results",) if left_out else (),
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
    """Compute probabilities and thresholds of the candidates, and decide whether the person is in the gallery.

    A threshold applies to a pair of modalities or a pair of cameras. The false-alarm rate is divided among them, so
    that all thresholds together keep to it: if the gallery has both modalities, each gets half. Within a modality,
    each camera that is calibrated with the query's camera gets a share in proportion to its pictures, and all other
    cameras together get the rest.

    Args:
        found: the candidates.
        calibration: calibration of the model; None if there is none.
        query_modalities: modalities of the queries.
        people: returns an upper bound on the number of people in the gallery.
        gallery_cameras: returns the number of searched pictures by modality and camera; None for unknown cameras.
        query_camera: camera of all queries; None if unknown.
        false_alarms: fraction of people not in the gallery for whom a picture may pass the threshold.

    Returns:
        The hits; whether any hit passes its threshold; and the number of people. Without a calibration for all
        modalities that were searched, there are no probabilities and thresholds, and the last two are None.
    """
    query, *others = set(query_modalities)
    searched = {} if calibration is None or others else gallery_cameras()
    # All that was searched, not only what was found: a modality without a threshold would leave the answer open.
    if calibration is None or others or not all(calibration.covers(query, modality) for modality, _ in searched):
        return tuple(_hit(found, at, None, None) for at in range(len(found.entries))), None, None
    count = max(1, people())
    prior = 1 / max(2, count)
    pictures = _by_calibration(calibration, query, query_camera, searched)
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
    """Count pictures by modality, and by camera if it is calibrated with the query's camera; else under None."""
    counts: Counter[tuple[int, str | None]] = Counter()
    for (modality, camera), count in pictures.items():
        known = calibration.covers(query, modality, cameras=(query_camera, camera))
        counts[modality, camera if known else None] += count
    return counts


def to_entry(row: Mapping[str, Any]) -> Entry:
    """Convert a row of the table to an entry."""
    return Entry(
        row=row["row"],
        path=row["path"],
        hash=row["hash"],
        modality=row["modality"],
        modality_source=row["modality_source"],
        camera=row["camera"],
        time=None if row["time"] is None else moment(row["time"]),
        identity=row["identity"],
        tags=tuple(row["tags"] or ()),
        added=moment(row["added"]),
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
    """Group ranked candidates into tracklets.

    Returns:
        (T,) the rank of the best picture of each tracklet, ascending, and (T,) the sizes of the tracklets.
    """
    ranked = {name: [column[name][at] for at in order.tolist()] for name in ("camera", "time", "identity")}
    groups = group_tracklets(ranked["camera"], ranked["time"], ranked["identity"], seconds)
    first, sizes = np.unique(groups, return_counts=True)
    return first, sizes
