"""Protocols: who asks, who is searched, how galleries are drawn and how matches are counted.

A figure without its protocol means little, so a `Protocol` carries a name, such as
`sysu/all-search/single-shot/official`, that goes wherever its figures go.

SYSU-MM01 is searched from infrared: all pictures of cameras 3 and 6 ask, and each trial draws `shots` pictures of
each person from each visible camera (1, 2, 4, 5 for all-search, 1, 2 for indoor search). Two ways of drawing are
in use, and they give different figures:

- official: `rand_perm_cam.mat` fixes the pictures of ten trials;
- seeded: most papers' code. Python's own generator, seeded with the trial's number from 0, chooses for people
  ascending, then cameras ascending, one of the sorted pictures. The generator is consumed camera by camera, so an
  indoor gallery is not a part of the all-search gallery of the same trial. Those codes are single-shot; for ten
  shots we take, in the same order, a sample of ten without replacement.

Where a camera has fewer pictures of somebody than shots, all are taken.

Shapes: N pictures, G gallery.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mvd.data.layouts.sysu import INFRARED_CAMERAS, VISIBLE_CAMERAS
from mvd.data.permutations import Permutations
from mvd.data.samples import Modality, Samples
from mvd.errors import ProtocolError
from mvd.evaluation.metrics import Counting, Exclusion

Rows: TypeAlias = npt.NDArray[np.intp]
Folders: TypeAlias = dict[tuple[int, int], Rows]  # (identity, camera), ascending → rows of its pictures


class Draw(Enum):
    """How the gallery of a trial is drawn."""

    OFFICIAL = "official"
    SEEDED = "seeded"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to evaluate; everything but the pictures.

    Attributes:
        name: what figures obtained by it are labelled with.
        query_modality: the modality that asks; the other one is searched.
        query_cameras: all their pictures ask.
        gallery_cameras: where the gallery is drawn from.
        shots: pictures drawn for each person and gallery camera, at least 1.
        draw: from the official permutations, or seeded.
        trials: galleries drawn, at least 1; figures are means over them.
        exclusion: which gallery pictures a query does not see.
        counting: whether CMC counts people or pictures.

    Raises:
        ProtocolError: shots or trials are less than 1.
    """

    name: str
    query_modality: Modality
    query_cameras: tuple[int, ...]
    gallery_cameras: tuple[int, ...]
    shots: int
    draw: Draw
    trials: int = 10
    exclusion: Exclusion
    counting: Counting

    def __post_init__(self) -> None:
        for name, value in (("shots", self.shots), ("trials", self.trials)):
            if value < 1:
                raise ProtocolError(f"{self.name}: expected {name} of at least 1, found {value}")


_SEARCH_CAMERAS = {"all": VISIBLE_CAMERAS, "indoor": (1, 2)}
_SHOTS = {1: "single-shot", 10: "multi-shot"}


def sysu_protocol(
    search: Literal["all", "indoor"], gallery: Literal["official", "seeded"], shots: Literal[1, 10] = 1
) -> Protocol:
    """Make a protocol of SYSU-MM01 (Wu et al., ICCV 2017): ten trials, people counted, camera 3 blind to camera 2.

    Args:
        search: the gallery's cameras, all four visible ones or the two indoors.
        gallery: drawn by `rand_perm_cam.mat`, or seeded.
        shots: pictures of each person and camera, 1 (single-shot) or 10 (multi-shot).

    Raises:
        ProtocolError: a value other than these.

    Example:
        >>> sysu_protocol("indoor", "official", 10).name
        'sysu/indoor-search/multi-shot/official'
    """
    if search not in _SEARCH_CAMERAS:
        raise ProtocolError(f"expected search to be all or indoor, found {search!r}")
    if shots not in _SHOTS:
        raise ProtocolError(f"expected 1 or 10 shots, found {shots!r}")
    if gallery not in {draw.value for draw in Draw}:
        raise ProtocolError(f"expected an official or a seeded gallery, found {gallery!r}")
    return Protocol(
        name=f"sysu/{search}-search/{_SHOTS[shots]}/{gallery}",
        query_modality=Modality.INFRARED,
        query_cameras=INFRARED_CAMERAS,
        gallery_cameras=_SEARCH_CAMERAS[search],
        shots=shots,
        draw=Draw(gallery),
        exclusion=Exclusion.SAME_ROOM,
        counting=Counting.PEOPLE,
    )


def validation_protocol(search: Literal["all", "indoor"] = "all", shots: Literal[1, 10] = 1) -> Protocol:
    """Make the protocol that chooses weights on the validation people of SYSU-MM01: its rule, seeded galleries.

    The name says `sysu-validation`, so that its figures are not taken for test figures.

    Raises:
        ProtocolError: as `sysu_protocol`.
    """
    protocol = sysu_protocol(search, "seeded", shots)
    return replace(protocol, name=protocol.name.replace("sysu/", "sysu-validation/", 1))


def query_rows(protocol: Protocol, samples: Samples) -> Rows:
    """List the rows of the pictures that ask, in table order.

    Raises:
        ProtocolError: there are none.
    """
    asks = (samples.modalities == protocol.query_modality) & np.isin(samples.cameras, protocol.query_cameras)
    if not asks.any():
        raise ProtocolError(
            f"{protocol.name}: expected {protocol.query_modality.name.lower()} pictures of cameras "
            f"{protocol.query_cameras} as queries, found none among {len(samples)} pictures"
        )
    return np.flatnonzero(asks)


def draw_gallery(protocol: Protocol, samples: Samples, trial: int, permutations: Permutations | None = None) -> Rows:
    """Draw the gallery of one trial.

    Args:
        protocol: cameras, shots, and the way to draw.
        samples: the pictures of the people under evaluation, in any order.
        trial: from 0; the seed of a seeded draw, the row of the official permutations.
        permutations: needed for official galleries, unused for seeded ones.

    Returns:
        (G,) rows of `samples`, by identity, then camera, then in the order drawn.

    Raises:
        ProtocolError: a trial out of range, no picture to draw from, or permutations that are missing or do not
            fit the pictures of somebody; the message names the camera and the identity.
    """
    if not 0 <= trial < protocol.trials:
        raise ProtocolError(f"{protocol.name}: expected a trial from 0 to {protocol.trials - 1}, found {trial}")
    folders = _folders(protocol, samples)
    if not folders:
        raise ProtocolError(
            f"{protocol.name}: expected gallery pictures of cameras {protocol.gallery_cameras}, "
            f"found none among {len(samples)} pictures"
        )
    match protocol.draw:
        case Draw.SEEDED:
            drawn = _draw_seeded(folders, protocol.shots, random.Random(trial))
        case Draw.OFFICIAL:
            orders = _official_orders(protocol, samples, folders, permutations)
            if trial >= orders.runs:
                raise ProtocolError(
                    f"{protocol.name}: expected permutations of {protocol.trials} trials, found {orders.runs}"
                )
            drawn = [
                pictures[orders.of(camera, identity)[trial, : protocol.shots] - 1]
                for (identity, camera), pictures in folders.items()
            ]
    return np.concatenate(drawn)


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
        for camera in protocol.gallery_cameras:
            order = permutations.orders.get((camera, identity))
            expected = 0 if order is None else order.shape[1]
            found = len(folders.get((identity, camera), ()))
            if expected != found:
                raise ProtocolError(
                    f"{protocol.name}: camera {camera}, identity {identity}: the official permutations order "
                    f"{expected} pictures, found {found}; are pictures missing, or is it another version's file?"
                )
    return permutations


def _folders(protocol: Protocol, samples: Samples) -> Folders:
    """Collect the gallery pictures by (identity, camera), ascending; rows sorted by path, as the folders list them."""
    candidates = np.flatnonzero(
        (samples.modalities != protocol.query_modality) & np.isin(samples.cameras, protocol.gallery_cameras)
    )
    if not candidates.size:
        return {}
    table = samples.take(candidates)
    order = np.lexsort((table.paths, table.cameras, table.identities))
    pairs = np.stack([table.identities, table.cameras], axis=1)[order]
    begins = np.flatnonzero((np.diff(pairs, axis=0, prepend=pairs[:1] - 1) != 0).any(axis=1))
    groups = np.split(candidates[order], begins[1:])
    return {(int(i), int(c)): rows for (i, c), rows in zip(pairs[begins], groups, strict=True)}
