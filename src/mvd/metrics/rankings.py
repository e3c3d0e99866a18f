"""Ranked lists: for each query of a protocol, the gallery by increasing distance, with distances.

A file of them (.npz) has, for N pictures and R rankings, numbered r = 0 … R−1:

    paths, identities, cameras, modalities    (N,) the table of the test pictures
    protocols, rankings, trials               (R,) for each ranking: name of the protocol; kind of distance, such as
                                              "cosine"; the trial, from 0
    r.queries                                 (Q,) the rows of the queries in that table
    r.ranked                                  (Q, K) a record for each of the K nearest of the gallery:
                                              "picture", its row in the table; "distance"; "counts", whether the
                                              protocol counts it for this query

`numpy.load` reads it without pickles. The file is sufficient to compute all figures: a picture is a match if it counts
and has the query's identity; pictures that do not count are skipped. Lists are written some queries at a time, so that
20,000 queries against a million pictures need no more memory than their evaluation; `top` limits the size of the file.

Shapes: N pictures, Q queries, G gallery, K listed gallery pictures.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.galleries.official import Permutations
from mvd.data.samples import Samples
from mvd.errors import DatasetError, ProtocolError
from mvd.files.atomic import replacing
from mvd.metrics.cmc import Gallery, Labels, counted_pictures
from mvd.metrics.distances import cosine_strips
from mvd.metrics.features import Features
from mvd.metrics.galleries import Rows, Trial, draw_trials
from mvd.metrics.protocols import Protocol, find_protocol
from mvd.metrics.ranking import Floats, block_rows
from mvd.metrics.rerank import Reranking, rerank_descriptors
from mvd.metrics.scores import ranking_name

ENTRY = np.dtype([("picture", "<i4"), ("distance", "<f4"), ("counts", "?")])
"""A record of a ranked list."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedLists:
    """The ranked lists of one trial of a protocol.

    Attributes:
        protocol: name of the protocol.
        ranking: how the gallery was ranked, as in `Scores`.
        trial: number of the trial, from 0.
        queries: (Q,) int64, rows of the table of test pictures.
        ranked: (Q, K) of `ENTRY`, by increasing distance; equal distances keep the order of the gallery.
    """

    protocol: str
    ranking: str
    trial: int
    queries: npt.NDArray[np.int64]
    ranked: npt.NDArray[np.void]


class SavedRankings(NamedTuple):
    """The content of a file: the table of test pictures, and ranked lists whose rows refer to it."""

    samples: Samples
    rankings: list[RankedLists]


def rank(
    features: Features,
    protocol: Protocol | str,
    permutations: Permutations | None = None,
    *,
    reranking: Reranking | None = None,
    top: int = 0,
) -> list[RankedLists]:
    """Rank the gallery of each trial for each query; arguments are as for `mvd.metrics.evaluate`.

    Args:
        features: embeddings and the table of their pictures.
        protocol: a protocol or its name.
        permutations: the official galleries, for protocols that use them.
        reranking: parameters of k-reciprocal re-ranking.
        top: number of gallery pictures to list; 0 lists all.

    Raises:
        ProtocolError: the protocol does not fit the pictures.

    Example:
        >>> from mvd.data.samples import Modality, Row, from_rows
        >>> rows = [Row(f"{m.name}/{i}.jpg", i, m + 1, m) for m in Modality for i in (1, 2)]
        >>> features = Features(descriptors=np.eye(2)[[0, 1, 1, 0]], samples=from_rows(rows))
        >>> [lists] = rank(features, "own/infrared-to-visible")
        >>> lists.queries.tolist(), lists.ranked["picture"].tolist(), lists.ranked["distance"].tolist()
        ([2, 3], [[1, 0], [0, 1]], [[0.0, 1.0], [0.0, 1.0]])
    """
    protocol = find_protocol(protocol) if isinstance(protocol, str) else protocol
    return [
        RankedLists(
            protocol=protocol.name,
            ranking=ranking_name(reranking),
            trial=number,
            queries=_queries(trial, reranking),
            ranked=np.concatenate([*_blocks(features, trial, protocol, reranking, top)]),
        )
        for number, trial in enumerate(draw_trials(protocol, features.samples, permutations))
    ]


def save_rankings(
    file: Path,
    features: Features,
    protocols: Sequence[Protocol],
    permutations: Permutations | None = None,
    *,
    rerankings: Sequence[Reranking | None] = (None,),
    top: int = 0,
) -> None:
    """Write the ranked lists of protocols to a file, atomically; the module documents the format.

    Args:
        file: the file; an existing file is replaced.
        features: embeddings and the table of their pictures.
        protocols: protocols of one data set.
        permutations: the official galleries, for protocols that use them.
        rerankings: rankings of each protocol; None ranks by distance only.
        top: number of gallery pictures to list; 0 lists all.

    Raises:
        ProtocolError: a protocol does not fit the pictures.
        OSError: the file cannot be written.
    """
    done: list[tuple[str, str, int]] = []
    with replacing(file) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for column in fields(Samples):
            _put(archive, column.name, getattr(features.samples, column.name))
        for protocol in protocols:
            for number, trial in enumerate(draw_trials(protocol, features.samples, permutations)):
                for reranking in rerankings:
                    place = len(done)
                    queries = _queries(trial, reranking)
                    _put(archive, f"{place}.queries", queries)
                    shape = len(queries), min(top or len(trial.gallery), len(trial.gallery))
                    with archive.open(f"{place}.ranked.npy", "w", force_zip64=True) as handle:
                        _write_header(handle, shape)
                        for block in _blocks(features, trial, protocol, reranking, top):
                            handle.write(block.tobytes())
                    done.append((protocol.name, ranking_name(reranking), number))
        names, rankings, trials = zip(*done, strict=True)
        _put(archive, "protocols", np.array(names))
        _put(archive, "rankings", np.array(rankings))
        _put(archive, "trials", np.array(trials, np.int64))


def load_rankings(file: Path | str) -> SavedRankings:
    """Read a file of `save_rankings` or `mvd evaluate --save`.

    Raises:
        ProtocolError: the file is missing or damaged, or has another format.
    """
    try:
        with Path(file).open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
            samples = Samples(**{column.name: arrays[column.name] for column in fields(Samples)})
            about = zip(arrays["protocols"], arrays["rankings"], arrays["trials"].tolist(), strict=True)
            lists = [
                RankedLists(
                    protocol=str(protocol),
                    ranking=str(ranking),
                    trial=trial,
                    queries=arrays[f"{place}.queries"],
                    ranked=arrays[f"{place}.ranked"],
                )
                for place, (protocol, ranking, trial) in enumerate(about)
            ]
            if any(one.ranked.dtype != ENTRY for one in lists):
                raise ValueError("lists of another kind")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, DatasetError) as error:
        raise ProtocolError(
            f"{file}: expected ranked lists as mvd evaluate --save writes them, could not read them ({error})"
        ) from error
    return SavedRankings(samples, lists)


def _blocks(
    features: Features, trial: Trial, protocol: Protocol, reranking: Reranking | None, top: int
) -> Iterator[npt.NDArray[np.void]]:
    """Yield the ranked lists, some queries at a time."""
    samples, gallery, queries = features.samples, trial.gallery, _queries(trial, reranking)
    labels = Gallery.of(Labels(samples.identities[gallery], samples.cameras[gallery]))
    count = min(top or len(gallery), len(gallery))
    step = block_rows(len(gallery))
    for start, distances in _strips(features, trial, reranking):
        for low in range(0, len(distances), step):
            block = distances[low : low + step]
            rows = queries[start + low : start + low + len(block)]
            order = np.argsort(block, axis=1, kind="stable")[:, :count]
            counted = counted_pictures(
                Labels(samples.identities[rows], samples.cameras[rows]), labels, exclusion=protocol.exclusion
            )
            ranked = np.empty(order.shape, ENTRY)
            ranked["picture"] = gallery[order]
            ranked["distance"] = np.take_along_axis(block, order, axis=1)
            ranked["counts"] = np.take_along_axis(counted, order, axis=1)
            yield ranked


def _strips(features: Features, trial: Trial, reranking: Reranking | None) -> Iterator[tuple[int, Floats]]:
    """Yield the distances of some queries at a time to the gallery, in its order, and the index of the first query."""
    if reranking is not None:  # re-ranking needs all queries and the whole gallery at once
        queries, gallery = (features.descriptors[rows] for rows in trial)
        yield 0, rerank_descriptors(queries, gallery, reranking)
        return
    ascending = np.sort(trial.gallery)
    columns = np.searchsorted(ascending, trial.gallery)
    for strip, distances in cosine_strips(features.descriptors, _queries(trial, None), ascending):
        ordered = np.array_equal(ascending, trial.gallery)
        yield strip.start, distances if ordered else distances[:, columns]


def _queries(trial: Trial, reranking: Reranking | None) -> Rows:
    return np.sort(trial.queries) if reranking is None else trial.queries


def _put(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as handle:
        np.lib.format.write_array(handle, np.ascontiguousarray(array), allow_pickle=False)


def _write_header(handle: IO[bytes], shape: tuple[int, int]) -> None:
    description = {"descr": np.lib.format.dtype_to_descr(ENTRY), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(handle, description)
