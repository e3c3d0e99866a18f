"""Queries and galleries of each trial of a protocol, as rows of a table of pictures.

There are two ways to draw `shots` pictures of each person from each gallery camera; their figures differ:

- official: SYSU-MM01's `rand_perm_cam.mat` fixes the pictures of ten trials;
- seeded: as in the code of most papers. `random.Random(trial)`, trials from 0, chooses one of the sorted pictures for
  people ascending, then cameras ascending. The generator is consumed camera by camera, so an indoor gallery is not a
  subset of the all-search gallery of the same trial. That code is single-shot; for ten shots, ten are sampled without
  replacement in the same order.

If a camera has fewer pictures of a person than shots, all are taken. Junk (`JUNK`) may be in a gallery,
and are never queries.

Shapes: N pictures, Q queries, G gallery.
"""

from __future__ import annotations

import random
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.data.galleries.official import Permutations
from mvd.data.samples import JUNK, Modality, Samples
from mvd.errors import ProtocolError
from mvd.metrics.protocols import Draw, Protocol

Rows: TypeAlias = npt.NDArray[np.intp]
Folders: TypeAlias = dict[tuple[int, int], Rows]  # (identity, camera), ascending → rows of its pictures


class Trial(NamedTuple):
    """One trial of a protocol: rows (Q,) of the queries and (G,) of the gallery.

    The drawn side is ordered by identity, then camera, then as drawn; the other side as the table.
    """

    queries: Rows
    gallery: Rows


def draw_trials(protocol: Protocol, samples: Samples, permutations: Permutations | None = None) -> list[Trial]:
    """Choose the queries and draw the gallery of every trial of a protocol.

    Args:
        protocol: the protocol.
        samples: (N,) the pictures of the people under evaluation, in any order.
        permutations: the official galleries, for protocols that use them.

    Raises:
        ProtocolError: there are no queries or no gallery, or the permutations are missing or do not fit the pictures.

    Example:
        >>> from mvd.data.samples import Row, from_rows
        >>> from mvd.metrics.protocols import own_protocol
        >>> table = from_rows([Row("v.jpg", 1, 1, Modality.VISIBLE), Row("i.jpg", 1, 2, Modality.INFRARED)])
        >>> [trial] = draw_trials(own_protocol("infrared-to-visible", cameras=False), table)
        >>> trial.queries.tolist(), trial.gallery.tolist()
        ([1], [0])
    """
    rest = query_rows(protocol, samples)
    drawn = [draw_gallery(protocol, samples, trial, permutations) for trial in range(protocol.trials)]
    if protocol.transposed:
        return [Trial(_of_people(samples, gallery), rest) for gallery in drawn]
    return [Trial(rest, gallery) for gallery in drawn]


def query_rows(protocol: Protocol, samples: Samples) -> Rows:
    """List the rows of the side that is not drawn, in table order: the queries, unless `transposed`.

    Raises:
        ProtocolError: there are no such pictures.
    """
    what = f"{protocol.name}: queries"
    rows = _rows_of(samples, protocol.query_modality, protocol.query_cameras, what)
    if protocol.transposed:
        return rows
    queries = _of_people(samples, rows)
    if not len(queries):
        raise ProtocolError(f"{what}: expected pictures of people, found {len(rows)} of junk (identity {JUNK})")
    return queries


def draw_gallery(protocol: Protocol, samples: Samples, trial: int, permutations: Permutations | None = None) -> Rows:
    """Draw the gallery of one trial.

    Args:
        protocol: cameras, shots, and the way to draw.
        samples: (N,) the pictures of the people under evaluation, in any order.
        trial: from 0; the seed of a seeded draw, or the row of the official permutations.
        permutations: needed for official galleries, unused for others.

    Returns:
        (G,) rows of `samples`, by identity, then camera, then in the order drawn.

    Raises:
        ProtocolError: the trial is out of range, there is no picture to draw from, or the permutations are missing or
            do not fit the pictures; the message names the camera and the identity.
    """
    if not 0 <= trial < protocol.trials:
        raise ProtocolError(f"{protocol.name}: expected a trial from 0 to {protocol.trials - 1}, found {trial}")
    candidates = _rows_of(samples, protocol.gallery_modality, protocol.gallery_cameras, f"{protocol.name}: gallery")
    match protocol.draw:
        case Draw.EVERYTHING:
            return candidates
        case Draw.SEEDED:
            folders = _folders(samples, candidates)
            return np.concatenate(_draw_seeded(folders, protocol.shots, random.Random(trial)))
        case Draw.OFFICIAL:
            folders = _folders(samples, candidates)
            orders = _official_orders(protocol, samples, folders, permutations)
            if trial >= orders.runs:
                raise ProtocolError(
                    f"{protocol.name}: expected permutations of {protocol.trials} trials, found {orders.runs}"
                )
            return np.concatenate(
                [
                    pictures[orders.of(camera, identity)[trial, : protocol.shots] - 1]
                    for (identity, camera), pictures in folders.items()
                ]
            )


def _rows_of(samples: Samples, modality: Modality, cameras: tuple[int, ...] | None, what: str) -> Rows:
    wanted = samples.modalities == modality
    if cameras is not None:
        wanted &= np.isin(samples.cameras, cameras)
    if not wanted.any():
        of_cameras = "" if cameras is None else f" of cameras {', '.join(map(str, cameras))}"
        raise ProtocolError(
            f"{what}: expected {modality.name.lower()} pictures{of_cameras}, found none among {len(samples)}"
        )
    return np.flatnonzero(wanted)


def _of_people(samples: Samples, rows: Rows) -> Rows:
    people: Rows = rows[samples.identities[rows] != JUNK]
    return people


def _draw_seeded(folders: Folders, shots: int, generator: random.Random) -> list[Rows]:
    """Choose `shots` pictures of each folder in turn."""
    if shots == 1:  # `choice`, as in published code, consumes the generator differently from a `sample` of one
        return [pictures[[generator.choice(range(len(pictures)))]] for pictures in folders.values()]
    return [
        pictures[generator.sample(range(len(pictures)), min(shots, len(pictures)))] for pictures in folders.values()
    ]


def _official_orders(
    protocol: Protocol, samples: Samples, folders: Folders, permutations: Permutations | None
) -> Permutations:
    """Return the permutations after checking that they order exactly the pictures of every person and camera."""
    if permutations is None:
        raise ProtocolError(
            f"{protocol.name}: expected the official permutations, found none; "
            "put rand_perm_cam.mat into the data set's exp folder, or draw seeded galleries"
        )
    for identity in samples.people.tolist():
        for camera in protocol.gallery_cameras or ():
            order = permutations.orders.get((camera, identity))
            expected = 0 if order is None else order.shape[1]
            found = len(folders.get((identity, camera), ()))
            if expected != found:
                raise ProtocolError(
                    f"{protocol.name}: camera {camera}, identity {identity}: the official permutations order "
                    f"{expected} pictures, found {found}; are pictures missing, or is it another version's file?"
                )
    return permutations


def _folders(samples: Samples, candidates: Rows) -> Folders:
    """Group pictures by (identity, camera), ascending, each group sorted by path."""
    table = samples.take(candidates)
    order = np.lexsort((table.paths, table.cameras, table.identities))
    pairs = np.stack([table.identities, table.cameras], axis=1)[order]
    begins = np.flatnonzero((np.diff(pairs, axis=0, prepend=pairs[:1] - 1) != 0).any(axis=1))
    groups = np.split(candidates[order], begins[1:])
    return {(int(i), int(c)): rows for (i, c), rows in zip(pairs[begins], groups, strict=True)}
