"""Plans with the numbers of identities and pictures of the real data sets: `SYSU_MM01`, `REGDB` and `LLCM`.

The number of pictures per identity is our own rule: people of a group have consecutive numbers, a camera sees a range
of them, and its pictures are divided evenly among these; the first people get the remainder.

SYSU-MM01: the numbers per camera and split are real, and so are the resulting totals: 45,863 pictures (30,071 visible,
15,792 infrared), 395 training identities including validation (22,258 + 11,909), 3,803 queries, galleries of 301 and
112 folders, and 2,208 queries with a match indoors. The 22 people in no split are included.

RegDB: 412 people, half for training and half for testing, with ten visible and ten thermal pictures each.

LLCM: 713 people for training (16,946 visible and 13,975 infrared pictures) and 351 for testing (8,680 and 7,166),
46,767 pictures in total. The numbers per camera are not real: the cameras divide a split's pictures evenly, and each
camera sees two thirds of the people, a cyclic range whose start moves by a ninth per camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mvd.data.samples import Modality
from mvd.synthetic.cameras import Rig, Sensor
from mvd.synthetic.plan import Plan, even_plan
from mvd.synthetic.rigs import LLCM_RIG, REGDB_RIG, SYSU_RIG


class _Seen(NamedTuple):
    """A camera sees the people first…last − 1 of a group (cyclically), with this total number of pictures."""

    sensor: Sensor
    first: int
    last: int
    pictures: int


class _Group(NamedTuple):
    people: int
    seen: Sequence[_Seen]


_C1, _C2, _C3, _C4, _C5, _C6 = SYSU_RIG.sensors
_TRAIN = _Group(296, (_Seen(_C1, 0, 194, 4721), _Seen(_C2, 0, 195, 5753), _Seen(_C3, 3, 296, 5929),
                      _Seen(_C4, 13, 296, 4821), _Seen(_C5, 0, 294, 4989), _Seen(_C6, 0, 200, 4000)))  # fmt: skip
_VALIDATION = _Group(99, (_Seen(_C3, 0, 99, 1980), _Seen(_C4, 0, 99, 990), _Seen(_C5, 3, 99, 984)))
# The test people in two groups: whom the indoor colour cameras saw, and whom they did not.
_TEST_INDOORS = _Group(56, (_Seen(_C1, 0, 56, 1374), _Seen(_C2, 0, 56, 1565), _Seen(_C3, 2, 56, 1088),
                            _Seen(_C4, 0, 55, 1111), _Seen(_C5, 0, 56, 1123), _Seen(_C6, 0, 56, 1120)))  # fmt: skip
_TEST_OUTDOORS = _Group(40, (_Seen(_C3, 1, 40, 795), _Seen(_C4, 0, 39, 807), _Seen(_C5, 1, 40, 795),
                             _Seen(_C6, 0, 40, 800)))  # fmt: skip
_NO_SPLIT = _Group(22, (_Seen(_C1, 0, 9, 194), _Seen(_C2, 1, 9, 210), _Seen(_C3, 19, 20, 20),
                        _Seen(_C4, 1, 18, 301), _Seen(_C5, 2, 19, 333), _Seen(_C6, 19, 22, 60)))  # fmt: skip


def _all_round(people: int, visible: int, infrared: int) -> _Group:
    """Create a group of LLCM with given numbers of people and pictures; each camera sees two thirds of the people."""
    seen = []
    for modality, pictures in ((Modality.VISIBLE, visible), (Modality.INFRARED, infrared)):
        cameras = LLCM_RIG.of(modality)
        each, rest = divmod(pictures, len(cameras))
        for place, camera in enumerate(cameras):
            first = (camera.number - 1) * people // 9
            seen.append(_Seen(camera.sensor, first, first + 2 * people // 3, each + (place < rest)))
    return _Group(people, seen)


def _deal(rig: Rig, train: Sequence[_Group], validation: Sequence[_Group], test: Sequence[_Group],
          others: Sequence[_Group]) -> Plan:  # fmt: skip
    """Number the people of all groups consecutively, and divide each group's pictures evenly among them."""
    counts: dict[int, dict[Sensor, int]] = {}
    ids: list[tuple[int, ...]] = []
    for groups in (train, validation, test, others):
        start = len(counts)
        for group in groups:
            counts.update(_share(group, len(counts) + 1))
        ids.append(tuple(range(start + 1, len(counts) + 1)))
    return Plan(rig=rig, train=ids[0], validation=ids[1], test=ids[2], counts=counts)


def _share(group: _Group, start: int) -> dict[int, dict[Sensor, int]]:
    counts: dict[int, dict[Sensor, int]] = {start + place: {} for place in range(group.people)}
    for sensor, first, last, pictures in group.seen:
        each, rest = divmod(pictures, last - first)
        for k in range(last - first):
            counts[start + (first + k) % group.people][sensor] = each + (k < rest)
    return counts


SYSU_MM01 = _deal(SYSU_RIG, [_TRAIN], [_VALIDATION], [_TEST_INDOORS, _TEST_OUTDOORS], [_NO_SPLIT])
REGDB = even_plan(train=206, validation=0, test=206, pictures=10, rig=REGDB_RIG)
LLCM = _deal(LLCM_RIG, [_all_round(713, 16_946, 13_975)], [], [_all_round(351, 8_680, 7_166)], [])
