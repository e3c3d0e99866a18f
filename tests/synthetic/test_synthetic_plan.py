"""Who is in a synthetic data set: plans of any rig, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic import LLCM_RIG, REGDB_RIG, SYSU_RIG, Plan, Rig, Sensor, even_plan

VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED
CAM1 = Sensor(1, VISIBLE)


def _plan(**changes: Any) -> Plan:
    settings = {"rig": SYSU_RIG, "train": (1,), "validation": (), "test": (2,), "counts": {1: {CAM1: 1}, 2: {CAM1: 3}}}
    return Plan(**{**settings, **changes})


@pytest.mark.parametrize("rig", [SYSU_RIG, REGDB_RIG, LLCM_RIG], ids=lambda rig: rig.name)
def test_an_even_plan_shows_everybody_to_every_camera(rig: Rig) -> None:
    plan = even_plan(train=3, validation=1, test=2, pictures=4, rig=rig)
    assert (plan.train, plan.validation, plan.test) == ((1, 2, 3), (4,), (5, 6))
    assert plan.people == (1, 2, 3, 4, 5, 6)
    assert plan.counts == {identity: dict.fromkeys(rig.sensors, 4) for identity in range(1, 7)}
    assert plan.pictures == 6 * 4 * len(rig.cameras)


def test_an_even_plan_has_the_cameras_of_sysu_unless_told_otherwise() -> None:
    assert even_plan(train=1, validation=0, test=1, pictures=1).rig == SYSU_RIG


def test_shots_are_all_pictures_of_somebody() -> None:
    plan = _plan(counts={1: {CAM1: 2, Sensor(3, INFRARED): 1}, 2: {CAM1: 1}})
    assert list(plan.shots(1)) == [(1, CAM1, 1), (1, CAM1, 2), (1, Sensor(3, INFRARED), 1)]


def test_a_plan_of_one_keeps_the_split() -> None:
    plan = even_plan(train=2, validation=1, test=1, pictures=2)
    for identity, splits in ((2, ((2,), (), ())), (3, ((), (3,), ())), (4, ((), (), (4,)))):
        one = plan.of(identity)
        assert (one.train, one.validation, one.test) == splits
        assert one.counts == {identity: plan.counts[identity]}
        assert one.rig == plan.rig


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": 0}, "train: expected 1 to 9999 identities, found 0"),
        ({"validation": -1}, "validation: expected 0"),
        ({"test": 0}, "test: expected 1"),
        ({"pictures": 0}, "pictures: expected 1 to 9999"),
        ({"train": 9000, "test": 1000}, "at most 9999 identities in all"),
    ],
)
def test_numbers_out_of_range_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        even_plan(**{"train": 2, "validation": 1, "test": 2, "pictures": 3, **change})


def test_nobody_is_in_two_splits() -> None:
    with pytest.raises(ConfigError, match="every identity in one split"):
        _plan(train=(1, 2))


def test_somebody_without_pictures_is_named() -> None:
    with pytest.raises(ConfigError, match="expected pictures of everybody in a split, found none of 7"):
        _plan(test=(2, 7))


@pytest.mark.parametrize(
    ("sensor", "identity", "count"),
    [(Sensor(7, VISIBLE), 1, 1), (Sensor(1, INFRARED), 1, 1), (CAM1, 0, 1), (CAM1, 10000, 1), (CAM1, 1, 0)],
)
def test_a_count_for_nobody_is_refused(sensor: Sensor, identity: int, count: int) -> None:
    with pytest.raises(
        ConfigError, match=f"expected a camera of SYSU-MM01.*found {sensor}, identity {identity}, {count} pictures"
    ):
        _plan(counts={identity: {sensor: count}})
