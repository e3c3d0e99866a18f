"""Statistics of similarities of the same and of different people, by modalities and by cameras, in bounded memory.

Shapes: N pictures, D width of an embedding, Q queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mvd.data.samples import Modality

_BINS = 4096
PLACES = (np.arange(_BINS) + 0.5) * (2 / _BINS) - 1
"""Centres of the histogram bins of similarities, from -1 to 1."""

_MOST = 4096  # maximum number of pictures per modality
_BLOCK = 256


class PairStatistics(NamedTuple):
    """Similarities of queries of one modality with gallery pictures of one modality.

    Attributes:
        same: histogram over `PLACES` of similarities of two pictures of the same person.
        other: histogram over `PLACES` of similarities of pictures of two people.
        impostors: for each query and each other person, the similarity of that person's most similar picture.
        best_own: (Q,) similarity of each query with the most similar picture of its person; NaN if there is none.
        best_other: (Q,) similarity of each query with the most similar picture of anybody else.
        people: number of people in the gallery.
    """

    same: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]
    impostors: npt.NDArray[np.float32]
    best_own: npt.NDArray[np.float32]
    best_other: npt.NDArray[np.float32]
    people: int


def pair_statistics(
    vectors: npt.ArrayLike, identities: npt.ArrayLike, modalities: npt.ArrayLike, cameras: npt.ArrayLike | None = None
) -> dict[tuple[Modality, Modality], PairStatistics]:
    """Compare all pictures by pair of modalities, except pictures of one person from one camera (near duplicates).

    Args:
        vectors: (N, D), L2-normalised.
        identities: (N,) int.
        modalities: (N,) a `Modality` each.
        cameras: (N,) int, 0 if unknown; None if all are unknown.

    Returns:
        Statistics by (query, gallery), for pairs of modalities with at least one pair of pictures of the same person
        and one of different people. At most 4096 pictures of a modality are used, spread evenly over the people.
    """
    people = np.asarray(identities, np.int64)
    order = np.argsort(people, kind="stable")
    rows = np.asarray(vectors, np.float32)[order]
    spectra = np.asarray(modalities, np.int64)[order]
    places = np.zeros(len(people), np.int64) if cameras is None else np.asarray(cameras, np.int64)[order]
    chosen = {modality: _spread(np.flatnonzero(spectra == modality)) for modality in Modality}
    found = {}
    for query, gallery in product(Modality, Modality):
        if len(chosen[query]) and len(chosen[gallery]):
            pair = _compare(rows, people[order], places, chosen[query], chosen[gallery])
            if pair.same.any() and len(pair.impostors):
                found[query, gallery] = pair
    return found


class CameraPair(NamedTuple):
    """A query camera and a gallery camera, each with the modality of its pictures."""

    query_modality: int
    query: int
    gallery_modality: int
    gallery: int


def camera_statistics(
    vectors: npt.ArrayLike,
    identities: npt.ArrayLike,
    modalities: npt.ArrayLike,
    cameras: npt.ArrayLike,
    *,
    people: int,
) -> Iterator[tuple[CameraPair, PairStatistics]]:
    """Compare the pictures of each pair of cameras that have seen enough people in common.

    Args:
        vectors: (N, D), L2-normalised.
        identities: (N,) int.
        modalities: (N,) a `Modality` each.
        cameras: (N,) int; 0 means unknown and is excluded.
        people: minimum number of people in common.

    Yields:
        Pairs of different cameras and their statistics, as in `pair_statistics`.
    """
    whose = np.asarray(identities, np.int64)
    order = np.argsort(whose, kind="stable")
    rows, whose = np.asarray(vectors, np.float32)[order], whose[order]
    spectra, places = (np.asarray(column, np.int64)[order] for column in (modalities, cameras))
    of_camera = {
        (modality, camera): np.flatnonzero((spectra == modality) & (places == camera))
        for modality in Modality
        for camera in np.unique(places[(spectra == modality) & (places > 0)]).tolist()
    }
    for query, gallery in product(of_camera, of_camera):
        if query[1] == gallery[1]:
            continue
        queries, found = of_camera[query], of_camera[gallery]
        if len(np.intersect1d(whose[queries], whose[found])) >= people:
            yield CameraPair(*query, *gallery), _compare(rows, whose, places, _spread(queries), _spread(found))


def pair_name(query_modality: int, gallery_modality: int) -> str:
    """Name a pair of modalities.

    >>> pair_name(Modality.INFRARED, Modality.VISIBLE)
    'infrared-visible'
    """
    return f"{Modality(query_modality).name}-{Modality(gallery_modality).name}".lower()


def _compare(
    vectors: npt.NDArray[np.float32],
    people: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    queries: npt.NDArray[np.int64],
    gallery: npt.NDArray[np.int64],
) -> PairStatistics:
    """Compare the rows `queries` with the rows `gallery`; rows must be sorted by person."""
    whose, starts = np.unique(people[gallery], return_index=True)
    same, other = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
    impostors, best_own, best_other = [], [], []
    for start in range(0, len(queries), _BLOCK):
        rows = queries[start : start + _BLOCK]
        similarities = vectors[rows] @ vectors[gallery].T
        own = people[rows][:, None] == people[gallery]
        copies = own & (
            ((places[rows][:, None] == places[gallery]) & (places[rows] > 0)[:, None]) | (rows[:, None] == gallery)
        )
        bins = np.clip(((similarities + 1) * (_BINS / 2)).astype(np.int64), 0, _BINS - 1)
        same += np.bincount(bins[own & ~copies], minlength=_BINS)
        other += np.bincount(bins[~own], minlength=_BINS)
        of_person = np.maximum.reduceat(np.where(copies, -np.inf, similarities), starts, axis=1)
        is_own = people[rows][:, None] == whose
        impostors.append(of_person[~is_own])
        best_own.append(np.where(is_own, of_person, -np.inf).max(axis=1))
        best_other.append(np.where(is_own, -np.inf, of_person).max(axis=1))
    own_similarities = np.concatenate(best_own)
    return PairStatistics(
        same=same,
        other=other,
        impostors=np.concatenate(impostors),
        best_own=np.where(np.isfinite(own_similarities), own_similarities, np.nan),
        best_other=np.concatenate(best_other),
        people=len(whose),
    )


def _spread(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Subsample rows evenly if there are more than `_MOST`."""
    if len(rows) <= _MOST:
        return rows
    return rows[np.linspace(0, len(rows) - 1, _MOST).round().astype(np.int64)]
