"""Who asks and who is searched in each trial of a protocol: rows of a table of pictures.

Ways of drawing `shots` pictures of each person from each gallery camera, which give different figures:

- official: SYSU-MM01's `rand_perm_cam.mat` fixes the pictures of ten trials;
- seeded: most papers' code. Python's own generator, seeded with the trial's number from 0, chooses for people
  ascending, then cameras ascending, one of the sorted pictures. The generator is consumed camera by camera, so an
  indoor gallery is not a part of the all-search gallery of the same trial. Those codes are single-shot; for ten
  shots we take, in the same order, a sample of ten without replacement.

Where a camera has fewer pictures of somebody than shots, all are taken.

Shapes: N pictures, Q queries, G gallery.
"""

from __future__ import annotations

import random
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.data.permutations import Permutations
from mvd.data.samples import Modality, Samples
from mvd.errors import ProtocolError
from mvd.metrics.protocols import Draw, Protocol

Rows: TypeAlias = npt.NDArray[np.intp]
Folders: TypeAlias = dict[tuple[int, int], Rows]  # (identity, camera), ascending → rows of its pictures


class Trial(NamedTuple):
    """One trial of a protocol: rows (Q,) of the pictures that ask and (G,) of those that are searched.

    A drawn side is ordered by identity, then camera, then as it was drawn; another one as the table is.
    """

    queries: Rows
    gallery: Rows


def deal_trials(protocol: Protocol, samples: Samples, permutations: Permutations | None = None) -> list[Trial]:
    """List who asks and who is searched in every trial of a protocol.

    Args:
        protocol: the protocol.
        samples: (N,) the pictures of the people under evaluation, in any order.
        permutations: the official galleries, for protocols that use them.

    Raises:
        ProtocolError: there is nobody to ask or to search, or the permutations are missing or of other pictures.
    """
    asking = query_rows(protocol, samples)
    drawn = [draw_gallery(protocol, samples, trial, permutations) for trial in range(protocol.trials)]
    return [Trial(gallery, asking) if protocol.transposed else Trial(asking, gallery) for gallery in drawn]


def query_rows(protocol: Protocol, samples: Samples) -> Rows:
    """List the rows of the pictures that are not drawn but all taken, in table order: the queries, mostly.

    Raises:
        ProtocolError: there are none.
    """
    return _rows_of(samples, protocol.query_modality, protocol.query_cameras, f"{protocol.name}: queries")


def draw_gallery(protocol: Protocol, samples: Samples, trial: int, permutations: Permutations | None = None) -> Rows:
    """Draw the gallery of one trial.

    Args:
        protocol: cameras, shots, and the way to draw.
        samples: (N,) the pictures of the people under evaluation, in any order.
        trial: from 0; the seed of a seeded draw, the row of the official permutations.
        permutations: needed for official galleries, unused for others.

    Returns:
        (G,) rows of `samples`, by identity, then camera, then in the order drawn.

    Raises:
        ProtocolError: a trial out of range, no picture to draw from, or permutations that are missing or do not
            fit the pictures of somebody; the message names the camera and the identity.
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


def _draw_seeded(folders: Folders, shots: int, generator: random.Random) -> list[Rows]:
    """Choose `shots` pictures from each folder in turn."""
    if shots == 1:  # `choice` and a `sample` of one consume the generator differently; the codes in use choose
        return [pictures[[generator.choice(range(len(pictures)))]] for pictures in folders.values()]
    return [
        pictures[generator.sample(range(len(pictures)), min(shots, len(pictures)))] for pictures in folders.values()
    ]


def _official_orders(
    protocol: Protocol, samples: Samples, folders: Folders, permutations: Permutations | None
) -> Permutations:
    """Return the permutations if they order exactly the pictures found of every person under every camera."""
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
    """Collect pictures by (identity, camera), ascending; rows sorted by path, as the folders list them."""
    table = samples.take(candidates)
    order = np.lexsort((table.paths, table.cameras, table.identities))
    pairs = np.stack([table.identities, table.cameras], axis=1)[order]
    begins = np.flatnonzero((np.diff(pairs, axis=0, prepend=pairs[:1] - 1) != 0).any(axis=1))
    groups = np.split(candidates[order], begins[1:])
    return {(int(i), int(c)): rows for (i, c), rows in zip(pairs[begins], groups, strict=True)}
