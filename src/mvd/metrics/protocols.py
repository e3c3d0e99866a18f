"""Evaluation protocols: queries, gallery, how galleries are drawn and how matches are counted.

A protocol has a name, such as `sysu/all-search/single-shot/official`, which accompanies its figures everywhere.

- SYSU-MM01 (Wu et al., ICCV 2017), infrared queries: `sysu/{all,indoor}-search/{single,multi}-shot/{official,seeded}`.
- RegDB (Nguyen et al., Sensors 2017): `regdb/{visible-to-thermal,thermal-to-visible}/trial-1` … `trial-10`. A trial
  is a split of the people, with its own network.
- LLCM (Zhang and Wang, CVPR 2023): `llcm/{visible-to-infrared,infrared-to-visible}/seeded`. The released test script
  transposes one direction, which is easier: `llcm/visible-to-infrared/seeded/transposed-as-released`.
- Own pictures: `own/{visible-to-infrared,infrared-to-visible}`, all against all; with `/other-cameras` if cameras are
  known, and then without gallery pictures of the query's person by the query's camera.
- Validation: one of these rules on the validation people, with names that start with `sysu-validation/` or
  `own-validation/`, so that figures are not mistaken for test figures.

Functions raise ProtocolError for any argument other than those listed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from mvd.data.layouts.sysu import INFRARED_CAMERAS, VISIBLE_CAMERAS
from mvd.data.samples import Modality
from mvd.errors import ProtocolError
from mvd.metrics.cmc import Counting, Exclusion

Search: TypeAlias = Literal["all", "indoor"]
RegDBDirection: TypeAlias = Literal["visible-to-thermal", "thermal-to-visible"]
Direction: TypeAlias = Literal["visible-to-infrared", "infrared-to-visible"]
Galleries: TypeAlias = Literal["official", "seeded"]
Shots: TypeAlias = Literal[1, 10]

REGDB_TRIALS = range(1, 11)

_SEARCH_CAMERAS: dict[Search, tuple[int, ...]] = {"all": VISIBLE_CAMERAS, "indoor": (1, 2)}
_SHOTS: dict[Shots, str] = {1: "single-shot", 10: "multi-shot"}
_GALLERIES: tuple[Galleries, ...] = ("official", "seeded")
_REGDB_DIRECTIONS: tuple[RegDBDirection, ...] = ("visible-to-thermal", "thermal-to-visible")
_DIRECTIONS: tuple[Direction, ...] = ("infrared-to-visible", "visible-to-infrared")


class Draw(Enum):
    """Method of drawing the gallery of a trial."""

    OFFICIAL = "official"
    SEEDED = "seeded"
    EVERYTHING = "everything"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The complete rules of an evaluation, without the pictures.

    Attributes:
        name: the label of its figures.
        query_modality: modality of the queries; the gallery has the other modality.
        query_cameras: cameras whose pictures are all queries; None means all cameras.
        gallery_cameras: cameras from which the gallery is drawn; None means all cameras.
        draw: from the official permutations, with a seed per trial, or all pictures.
        shots: pictures drawn per person and gallery camera, at least 1; ignored if all pictures are taken.
        trials: number of galleries, at least 1; figures are means over them.
        exclusion: the gallery pictures that are excluded for a query.
        counting: whether CMC counts people or pictures.
        transposed: the drawn pictures are the queries, and all pictures of the query modality the gallery.

    Raises:
        ProtocolError: shots or trials are less than 1.

    Example:
        >>> protocol = Protocol(name="mine", query_modality=Modality.INFRARED, counting=Counting.PEOPLE)
        >>> protocol.gallery_modality.name, protocol.needs_cameras
        ('VISIBLE', False)
    """

    name: str
    query_modality: Modality
    query_cameras: tuple[int, ...] | None = None
    gallery_cameras: tuple[int, ...] | None = None
    draw: Draw = Draw.EVERYTHING
    shots: int = 1
    trials: int = 1
    exclusion: Exclusion = Exclusion.NOTHING
    counting: Counting
    transposed: bool = False

    def __post_init__(self) -> None:
        for name, value in (("shots", self.shots), ("trials", self.trials)):
            if value < 1:
                raise ProtocolError(f"{self.name}: expected {name} of at least 1, found {value}")

    @property
    def gallery_modality(self) -> Modality:
        """The modality of the gallery."""
        return Modality.VISIBLE if self.query_modality is Modality.INFRARED else Modality.INFRARED

    @property
    def needs_cameras(self) -> bool:
        """Whether the protocol depends on the cameras of the pictures."""
        chosen = self.query_cameras is not None or self.gallery_cameras is not None
        return chosen or self.draw is not Draw.EVERYTHING or self.exclusion is not Exclusion.NOTHING


def sysu_protocol(search: Search, gallery: Galleries, shots: Shots = 1) -> Protocol:
    """Build a protocol of SYSU-MM01: ten trials, people counted, no pictures of camera 2 for queries of camera 3.

    Args:
        search: the gallery's cameras: all four visible ones, or the two indoors.
        gallery: drawn by `rand_perm_cam.mat`, or seeded.
        shots: pictures per person and camera, 1 (single-shot) or 10 (multi-shot).

    Example:
        >>> sysu_protocol("indoor", "official", 10).name
        'sysu/indoor-search/multi-shot/official'
    """
    _require("search", search, _SEARCH_CAMERAS)
    _require("gallery", gallery, _GALLERIES)
    _require("shots", shots, _SHOTS)
    return Protocol(
        name=f"sysu/{search}-search/{_SHOTS[shots]}/{gallery}",
        query_modality=Modality.INFRARED,
        query_cameras=INFRARED_CAMERAS,
        gallery_cameras=_SEARCH_CAMERAS[search],
        draw=Draw(gallery),
        shots=shots,
        trials=10,
        exclusion=Exclusion.SAME_ROOM,
        counting=Counting.PEOPLE,
    )


def regdb_protocol(direction: RegDBDirection, trial: int) -> Protocol:
    """Build a protocol of RegDB: all test pictures of one modality against all of the other, pictures counted.

    Args:
        direction: from the queries' modality to the gallery's.
        trial: the split of the people, 1…10.

    Example:
        >>> regdb_protocol("visible-to-thermal", 3).name
        'regdb/visible-to-thermal/trial-3'
    """
    _require("direction", direction, _REGDB_DIRECTIONS)
    _require("trial", trial, REGDB_TRIALS)
    return Protocol(
        name=f"regdb/{direction}/trial-{trial}", query_modality=_queries(direction), counting=Counting.PICTURES
    )


def llcm_protocol(direction: Direction, *, transposed: bool = False) -> Protocol:
    """Build a protocol of LLCM: a gallery of one drawn picture per person and camera, ten trials, people counted.

    Gallery pictures of the query's person by the query's camera are excluded.

    Args:
        direction: from the queries' modality to the gallery's.
        transposed: as released, only from visible to infrared; not comparable with the other figures.

    Example:
        >>> llcm_protocol("infrared-to-visible").name
        'llcm/infrared-to-visible/seeded'
    """
    _require("direction", direction, _DIRECTIONS)
    if transposed:
        _require("direction of the transposed variant", direction, ("visible-to-infrared",))
    return Protocol(
        name=f"llcm/{direction}/seeded" + ("/transposed-as-released" if transposed else ""),
        query_modality=_queries(direction),
        draw=Draw.SEEDED,
        trials=10,
        exclusion=Exclusion.SAME_IDENTITY_AND_CAMERA,
        counting=Counting.PEOPLE,
        transposed=transposed,
    )


def own_protocol(direction: Direction, *, cameras: bool) -> Protocol:
    """Build a protocol for own pictures: all of one modality against all of the other, people counted.

    Args:
        direction: from the queries' modality to the gallery's.
        cameras: whether cameras are known; if so, gallery pictures of the query's person by its camera are excluded.

    Example:
        >>> own_protocol("infrared-to-visible", cameras=True).name
        'own/infrared-to-visible/other-cameras'
    """
    _require("direction", direction, _DIRECTIONS)
    return Protocol(
        name=f"own/{direction}" + ("/other-cameras" if cameras else ""),
        query_modality=_queries(direction),
        exclusion=Exclusion.SAME_IDENTITY_AND_CAMERA if cameras else Exclusion.NOTHING,
        counting=Counting.PEOPLE,
    )


def validation_protocol(dataset: str = "sysu", *, cameras: bool = True) -> Protocol:
    """Build the validation protocol, which determines the best checkpoint: infrared to visible, single-shot.

    Args:
        dataset: "sysu", with seeded galleries, or "own"; other data sets have no validation people.
        cameras: whether the cameras of own pictures are known.

    Example:
        >>> validation_protocol("own", cameras=False).name
        'own-validation/infrared-to-visible'
    """
    _require("data set with validation people", dataset, ("sysu", "own"))
    protocol = (
        sysu_protocol("all", "seeded") if dataset == "sysu" else own_protocol("infrared-to-visible", cameras=cameras)
    )
    return replace(protocol, name=protocol.name.replace(dataset, f"{dataset}-validation", 1))


def protocols_of(dataset: str, *, trial: int = 1, cameras: bool = True) -> tuple[Protocol, ...]:
    """List all test protocols of a data set, the most common one first.

    Args:
        dataset: "sysu", "regdb", "llcm" or "own".
        trial: RegDB's split.
        cameras: whether the cameras of own pictures are known.

    Example:
        >>> [protocol.name for protocol in protocols_of("own", cameras=False)]
        ['own/infrared-to-visible', 'own/visible-to-infrared']
    """
    match dataset:
        case "sysu":
            return tuple(
                sysu_protocol(search, gallery, shots)
                for shots in _SHOTS
                for gallery in _GALLERIES
                for search in _SEARCH_CAMERAS
            )
        case "regdb":
            return tuple(regdb_protocol(direction, trial) for direction in _REGDB_DIRECTIONS)
        case "llcm":
            return (*map(llcm_protocol, _DIRECTIONS), llcm_protocol("visible-to-infrared", transposed=True))
        case "own":
            return tuple(own_protocol(direction, cameras=cameras) for direction in _DIRECTIONS)
        case _:
            raise ProtocolError(f"expected the data set sysu, regdb, llcm or own, found {dataset!r}")


def find_protocol(name: str) -> Protocol:
    """Find a protocol, for testing or validation, by its name.

    Raises:
        ProtocolError: there is no such protocol; the message lists similar names.

    Example:
        >>> find_protocol("sysu/all-search/single-shot/seeded").trials
        10
    """
    known = [*protocols_of("sysu"), *protocols_of("llcm"), validation_protocol("sysu")]
    known += [protocol for trial in REGDB_TRIALS for protocol in protocols_of("regdb", trial=trial)]
    for cameras in (False, True):
        known += [*protocols_of("own", cameras=cameras), validation_protocol("own", cameras=cameras)]
    by_name = {protocol.name: protocol for protocol in known}
    if name not in by_name:
        similar = ", ".join(get_close_matches(name, by_name, n=3, cutoff=0))
        raise ProtocolError(f"expected the name of a protocol, such as {similar}, found {name!r}; see mvd protocols")
    return by_name[name]


def select_protocols(protocols: Sequence[Protocol], patterns: Sequence[str]) -> tuple[Protocol, ...]:
    """Select protocols by name, in the order of the patterns.

    Args:
        protocols: the protocols to select from.
        patterns: names, with `*`, `?` and `[…]` as in a shell.

    Raises:
        ProtocolError: a pattern matches none; the message lists the names.

    Example:
        >>> [protocol.name for protocol in select_protocols(protocols_of("regdb", trial=2), ["*/thermal-*"])]
        ['regdb/thermal-to-visible/trial-2']
    """
    selected = {}
    for pattern in patterns:
        matching = {protocol.name: protocol for protocol in protocols if fnmatchcase(protocol.name, pattern)}
        if not matching:
            names = ", ".join(protocol.name for protocol in protocols)
            raise ProtocolError(f"expected a protocol's name, or a pattern such as '*', of: {names}; found {pattern!r}")
        selected.update(matching)
    return tuple(selected.values())


def _queries(direction: str) -> Modality:
    return Modality.VISIBLE if direction.startswith("visible") else Modality.INFRARED


def _require(what: str, found: object, known: Collection[object]) -> None:
    if found not in known:
        raise ProtocolError(f"expected a {what} of {' or '.join(map(str, known))}, found {found!r}")
