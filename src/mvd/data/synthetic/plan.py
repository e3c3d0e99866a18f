"""Who is seen by which camera how often, and in which split: the shape of a data set without its pictures.

`SYSU_MM01` has the size of the real data set: its numbers of identities and pictures for every camera in every
split. How they are dealt to the single identities is a rule of this project: people of a group are numbered one
after the other, a camera sees a run of them, and its pictures are shared evenly, the first ones getting the rest.

The totals that follow from it are those of the real one: 45,863 pictures (30,071 visible, 15,792 infrared), 395
training identities counting validation (22,258 + 11,909), 3,803 queries, galleries of 301 and 112 folders, and
2,208 queries with a match indoors. Its 22 people who are in no split are there, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mvd.data.synthetic.cameras import CAMERAS
from mvd.errors import ConfigError

_MOST_PICTURES = 9999  # file names have four digits
_MOST_PEOPLE = 9999


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A data set's identities and numbers of pictures.

    Attributes:
        train, validation, test: the identities of each split, ascending; nobody is in two.
        counts: (camera, identity) → number of pictures, at least 1; a pair without pictures is left out.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    counts: Mapping[tuple[int, int], int]

    def __post_init__(self) -> None:
        splits = (self.train, self.validation, self.test)
        if len(set().union(*splits)) != sum(map(len, splits)):
            raise ConfigError("expected every identity in one split, found one in two")
        for (camera, identity), count in self.counts.items():
            if camera not in CAMERAS or not 1 <= identity <= _MOST_PEOPLE or not 1 <= count <= _MOST_PICTURES:
                raise ConfigError(
                    f"expected a camera of 1…6, an identity of 1…{_MOST_PEOPLE} and 1…{_MOST_PICTURES} pictures, "
                    f"found camera {camera}, identity {identity}, {count} pictures"
                )

    @property
    def people(self) -> tuple[int, ...]:
        """All identities with pictures, ascending, those of no split among them."""
        return tuple(sorted({identity for _, identity in self.counts}))

    @property
    def pictures(self) -> int:
        """The number of pictures."""
        return sum(self.counts.values())


def even_plan(*, train: int, validation: int, test: int, pictures: int) -> Plan:
    """Plan a data set in which every camera sees everybody equally often.

    Args:
        train, validation, test: numbers of identities; at least one to train and one to test on.
        pictures: number of pictures per identity and camera, 1…9999.

    Raises:
        ConfigError: a number is out of range.
    """
    for name, value, least in (("train", train, 1), ("validation", validation, 0), ("test", test, 1)):
        if not least <= value <= _MOST_PEOPLE:
            raise ConfigError(f"{name}: expected {least} to {_MOST_PEOPLE} identities, found {value}")
    if train + validation + test > _MOST_PEOPLE:
        raise ConfigError(f"expected at most {_MOST_PEOPLE} identities in all, found {train + validation + test}")
    if not 1 <= pictures <= _MOST_PICTURES:
        raise ConfigError(f"pictures: expected 1 to {_MOST_PICTURES} per identity and camera, found {pictures}")
    people = range(1, train + validation + test + 1)
    return Plan(
        train=tuple(people[:train]),
        validation=tuple(people[train : train + validation]),
        test=tuple(people[train + validation :]),
        counts={(camera, identity): pictures for identity in people for camera in CAMERAS},
    )


class _Seen(NamedTuple):
    """A camera sees the people first…last − 1 of a group, in this many pictures together."""

    camera: int
    first: int
    last: int
    pictures: int


class _Group(NamedTuple):
    people: int
    seen: tuple[_Seen, ...]


_TRAIN = _Group(296, (_Seen(1, 0, 194, 4721), _Seen(2, 0, 195, 5753), _Seen(3, 3, 296, 5929),
                      _Seen(4, 13, 296, 4821), _Seen(5, 0, 294, 4989), _Seen(6, 0, 200, 4000)))  # fmt: skip
_VALIDATION = _Group(99, (_Seen(3, 0, 99, 1980), _Seen(4, 0, 99, 990), _Seen(5, 3, 99, 984)))
# The test people in two groups: whom the indoor colour cameras saw, and whom they did not.
_TEST_INDOORS = _Group(56, (_Seen(1, 0, 56, 1374), _Seen(2, 0, 56, 1565), _Seen(3, 2, 56, 1088),
                            _Seen(4, 0, 55, 1111), _Seen(5, 0, 56, 1123), _Seen(6, 0, 56, 1120)))  # fmt: skip
_TEST_OUTDOORS = _Group(40, (_Seen(3, 1, 40, 795), _Seen(4, 0, 39, 807), _Seen(5, 1, 40, 795),
                             _Seen(6, 0, 40, 800)))  # fmt: skip
_NO_SPLIT = _Group(22, (_Seen(1, 0, 9, 194), _Seen(2, 1, 9, 210), _Seen(3, 19, 20, 20), _Seen(4, 1, 18, 301),
                        _Seen(5, 2, 19, 333), _Seen(6, 19, 22, 60)))  # fmt: skip


def _deal(group: _Group, start: int) -> dict[tuple[int, int], int]:
    """Share a group's pictures evenly among its people, who are numbered from `start`."""
    counts: dict[tuple[int, int], int] = {}
    for seen in group.seen:
        each, rest = divmod(seen.pictures, seen.last - seen.first)
        for place in range(seen.first, seen.last):
            counts[seen.camera, start + place] = each + (place - seen.first < rest)
    return counts


def _sysu_mm01() -> Plan:
    start, counts, ids = 1, {}, []
    for group in (_TRAIN, _VALIDATION, _TEST_INDOORS, _TEST_OUTDOORS, _NO_SPLIT):
        counts.update(_deal(group, start))
        ids.append(tuple(range(start, start + group.people)))
        start += group.people
    return Plan(train=ids[0], validation=ids[1], test=ids[2] + ids[3], counts=counts)


SYSU_MM01 = _sysu_mm01()
