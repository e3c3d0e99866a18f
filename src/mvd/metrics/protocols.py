"""Protocols: who asks, who is searched, how galleries are drawn and how matches are counted.

A figure without its protocol means little, so a `Protocol` is a value with a name, such as
`sysu/all-search/single-shot/official`, that goes wherever its figures go.

- SYSU-MM01 (Wu et al., ICCV 2017): infrared asks. `sysu/{all,indoor}-search/{single,multi}-shot/{official,seeded}`.
- RegDB (Nguyen et al., Sensors 2017): `regdb/{visible-to-thermal,thermal-to-visible}/trial-1` … `trial-10`. A trial
  is a split of the people, with a model of its own; everything is ranked.
- LLCM (Zhang and Wang, CVPR 2023): `llcm/{visible-to-infrared,infrared-to-visible}/seeded`. The released test script
  passes its matrix the other way round in one direction: the drawn pictures ask, and all others are searched, which
  is easier. `llcm/visible-to-infrared/seeded/transposed-as-released` is that.
- Own pictures: `own/{visible-to-infrared,infrared-to-visible}`, everything against everything, with
  `/other-cameras` where cameras are known: the query's person under the query's camera does not count.
- Validation: a rule from above on the validation people, under a name that starts with `sysu-validation/` or
  `own-validation/`, so that its figures are not taken for test figures.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from mvd.data.layouts.sysu import INFRARED_CAMERAS, VISIBLE_CAMERAS
from mvd.data.samples import Modality
from mvd.errors import ProtocolError
from mvd.metrics.cmc import Counting, Exclusion


class Draw(Enum):
    """How the gallery of a trial is drawn."""

    OFFICIAL = "official"
    SEEDED = "seeded"
    EVERYTHING = "everything"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to evaluate; everything but the pictures.

    Attributes:
        name: what figures obtained by it are labelled with.
        query_modality: the modality that asks; the other one is searched.
        query_cameras: all their pictures ask; None means all cameras.
        gallery_cameras: where the gallery is drawn from; None means all cameras.
        draw: from the official permutations, with a seed for each trial, or not at all.
        shots: pictures drawn for each person and gallery camera, at least 1; without meaning if all are taken.
        trials: galleries drawn, at least 1; figures are means over them.
        exclusion: which gallery pictures a query does not see.
        counting: whether CMC counts people or pictures.
        transposed: the drawn pictures ask instead, and all pictures that would have asked are searched.

    Raises:
        ProtocolError: shots or trials are less than 1.
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
        """The modality that is searched."""
        return Modality.VISIBLE if self.query_modality is Modality.INFRARED else Modality.INFRARED


Search: TypeAlias = Literal["all", "indoor"]
RegDBDirection: TypeAlias = Literal["visible-to-thermal", "thermal-to-visible"]
Direction: TypeAlias = Literal["visible-to-infrared", "infrared-to-visible"]

Galleries: TypeAlias = Literal["official", "seeded"]
Shots: TypeAlias = Literal[1, 10]

REGDB_TRIALS = range(1, 11)

_SEARCH_CAMERAS: dict[Search, tuple[int, ...]] = {"all": VISIBLE_CAMERAS, "indoor": (1, 2)}
_SHOTS: dict[Shots, str] = {1: "single-shot", 10: "multi-shot"}
_GALLERIES: tuple[Galleries, ...] = ("official", "seeded")
_ASKING = {
    "visible-to-thermal": Modality.VISIBLE,
    "thermal-to-visible": Modality.INFRARED,
    "visible-to-infrared": Modality.VISIBLE,
    "infrared-to-visible": Modality.INFRARED,
}


def sysu_protocol(search: Search, gallery: Galleries, shots: Shots = 1) -> Protocol:
    """Make a protocol of SYSU-MM01: ten trials, people counted, camera 3 blind to camera 2.

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
    """Make a protocol of RegDB: all test pictures of one modality against all of the other, pictures counted.

    Args:
        direction: who asks for whom.
        trial: the split, 1…10, that the pictures are of.

    Raises:
        ProtocolError: a value other than these.
    """
    _require("direction", direction, ("visible-to-thermal", "thermal-to-visible"))
    _require("trial", trial, REGDB_TRIALS)
    return Protocol(
        name=f"regdb/{direction}/trial-{trial}", query_modality=_ASKING[direction], counting=Counting.PICTURES
    )


def llcm_protocol(direction: Direction, *, transposed: bool = False) -> Protocol:
    """Make a protocol of LLCM: one drawn picture of each person and camera is searched, ten trials, people counted.

    The query's person under the query's own camera does not count.

    Args:
        direction: who asks for whom.
        transposed: as the released test script does from visible to infrared; figures are not comparable to the
            others.

    Raises:
        ProtocolError: another direction, or transposed from infrared to visible, which nobody released.
    """
    _require("direction", direction, ("visible-to-infrared", "infrared-to-visible"))
    if transposed:
        _require("direction of the transposed variant", direction, ("visible-to-infrared",))
    return Protocol(
        name=f"llcm/{direction}/seeded" + ("/transposed-as-released" if transposed else ""),
        query_modality=_ASKING[direction],
        draw=Draw.SEEDED,
        trials=10,
        exclusion=Exclusion.SAME_IDENTITY_AND_CAMERA,
        counting=Counting.PEOPLE,
        transposed=transposed,
    )


def own_protocol(direction: Direction, *, cameras: bool) -> Protocol:
    """Make a protocol for one's own pictures: all of one modality against all of the other, people counted.

    Args:
        direction: who asks for whom.
        cameras: whether cameras are known; if so, the query's person under the query's camera does not count.

    Raises:
        ProtocolError: another direction.
    """
    _require("direction", direction, ("visible-to-infrared", "infrared-to-visible"))
    return Protocol(
        name=f"own/{direction}" + ("/other-cameras" if cameras else ""),
        query_modality=_ASKING[direction],
        exclusion=Exclusion.SAME_IDENTITY_AND_CAMERA if cameras else Exclusion.NOTHING,
        counting=Counting.PEOPLE,
    )


def protocols_of(dataset: str, *, trial: int = 1, cameras: bool = True) -> tuple[Protocol, ...]:
    """List all protocols of a data set, the customary one first.

    Args:
        dataset: "sysu", "regdb", "llcm" or "own".
        trial: RegDB's split.
        cameras: whether the cameras of one's own pictures are known.

    Raises:
        ProtocolError: an unknown data set.
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
            return (regdb_protocol("visible-to-thermal", trial), regdb_protocol("thermal-to-visible", trial))
        case "llcm":
            return (
                llcm_protocol("infrared-to-visible"),
                llcm_protocol("visible-to-infrared"),
                llcm_protocol("visible-to-infrared", transposed=True),
            )
        case "own":
            return (
                own_protocol("infrared-to-visible", cameras=cameras),
                own_protocol("visible-to-infrared", cameras=cameras),
            )
        case _:
            raise ProtocolError(f"expected the data set sysu, regdb, llcm or own, found {dataset!r}")


def select_protocols(protocols: Sequence[Protocol], patterns: Sequence[str]) -> tuple[Protocol, ...]:
    """Select protocols by name, in the order of the patterns.

    Args:
        protocols: what there is.
        patterns: names, in which `*`, `?` and `[…]` stand for what they do in a shell.

    Raises:
        ProtocolError: a pattern fits none; the message lists the names.

    Example:
        >>> [protocol.name for protocol in select_protocols(protocols_of("regdb", trial=2), ["*/thermal-*"])]
        ['regdb/thermal-to-visible/trial-2']
    """
    selected = {}
    for pattern in patterns:
        fitting = {protocol.name: protocol for protocol in protocols if fnmatchcase(protocol.name, pattern)}
        if not fitting:
            names = ", ".join(protocol.name for protocol in protocols)
            raise ProtocolError(
                f"expected the name of a protocol, or a pattern such as '*', of: {names}; found {pattern!r}"
            )
        selected.update(fitting)
    return tuple(selected.values())


def validation_protocol(dataset: str = "sysu", *, cameras: bool = True) -> Protocol:
    """Make the protocol that chooses weights on the validation people, from infrared to visible, single-shot.

    Args:
        dataset: "sysu", whose galleries are seeded here, or "own"; the others have no validation people.
        cameras: whether the cameras of one's own pictures are known.

    Raises:
        ProtocolError: a data set without validation people.
    """
    _require("data set with validation people", dataset, ("sysu", "own"))
    protocol = (
        sysu_protocol("all", "seeded") if dataset == "sysu" else own_protocol("infrared-to-visible", cameras=cameras)
    )
    return replace(protocol, name=protocol.name.replace(dataset, f"{dataset}-validation", 1))


def _require(what: str, found: object, known: Collection[object]) -> None:
    if found not in known:
        raise ProtocolError(f"expected a {what} of {' or '.join(map(str, known))}, found {found!r}")
