"""Who is in the synthetic data set: even plans, and the numbers of the real SYSU-MM01."""

from __future__ import annotations

import pytest

from mvd.data.synthetic.cameras import CAMERAS, INFRARED_CAMERAS, VISIBLE_CAMERAS
from mvd.data.synthetic.plan import SYSU_MM01, Plan, even_plan
from mvd.errors import ConfigError


def _pictures(identities: tuple[int, ...], cameras: tuple[int, ...]) -> int:
    people = set(identities)
    return sum(n for (camera, identity), n in SYSU_MM01.counts.items() if camera in cameras and identity in people)


def _seen_by(camera: int) -> set[int]:
    return {identity for number, identity in SYSU_MM01.counts if number == camera}


def test_an_even_plan_shows_everybody_to_every_camera() -> None:
    plan = even_plan(train=3, validation=1, test=2, pictures=4)
    assert (plan.train, plan.validation, plan.test) == ((1, 2, 3), (4,), (5, 6))
    assert plan.people == (1, 2, 3, 4, 5, 6)
    assert plan.counts == {(camera, identity): 4 for camera in range(1, 7) for identity in range(1, 7)}
    assert plan.pictures == 144


def test_sysu_has_the_real_numbers_of_identities() -> None:
    splits = (SYSU_MM01.train, SYSU_MM01.validation, SYSU_MM01.test)
    assert [len(split) for split in splits] == [296, 99, 96]
    assert len(set().union(*splits)) == 491
    assert len(SYSU_MM01.people) == 513


def test_sysu_has_the_real_numbers_of_pictures_per_camera() -> None:
    everybody = SYSU_MM01.people
    assert [_pictures(everybody, (camera,)) for camera in CAMERAS] == [6289, 7528, 9812, 8030, 8224, 5980]
    assert SYSU_MM01.pictures == 45863
    assert [_pictures(everybody, cameras) for cameras in (VISIBLE_CAMERAS, INFRARED_CAMERAS)] == [30071, 15792]
    trained = SYSU_MM01.train + SYSU_MM01.validation
    assert [_pictures(trained, cameras) for cameras in (VISIBLE_CAMERAS, INFRARED_CAMERAS)] == [22258, 11909]
    assert [_pictures(SYSU_MM01.test, (camera,)) for camera in CAMERAS] == [1374, 1565, 1883, 1918, 1918, 1920]


def test_every_training_identity_of_sysu_has_both_modalities() -> None:
    visible = set().union(*(_seen_by(camera) for camera in VISIBLE_CAMERAS))
    infrared = set().union(*(_seen_by(camera) for camera in INFRARED_CAMERAS))
    assert set(SYSU_MM01.train + SYSU_MM01.validation + SYSU_MM01.test) <= visible & infrared
    assert not (set(SYSU_MM01.people) - set().union(SYSU_MM01.train, SYSU_MM01.validation, SYSU_MM01.test)) & (
        visible & infrared
    )


def test_sysu_gives_galleries_and_queries_of_the_real_size() -> None:
    test = set(SYSU_MM01.test)
    assert sum(len(test & _seen_by(camera)) for camera in VISIBLE_CAMERAS) == 301
    assert sum(len(test & _seen_by(camera)) for camera in (1, 2)) == 112
    assert _pictures(SYSU_MM01.test, INFRARED_CAMERAS) == 3803
    # Camera 3 does not search camera 2, so its people must have been seen by camera 1; they are the same ones here.
    assert test & _seen_by(1) == test & _seen_by(2)
    assert _pictures(tuple(test & _seen_by(1)), INFRARED_CAMERAS) == 2208


def test_multi_shot_galleries_of_sysu_find_ten_pictures() -> None:
    test = set(SYSU_MM01.test)
    assert min(n for (_, identity), n in SYSU_MM01.counts.items() if identity in test) >= 10


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
def test_numbers_out_of_range_are_named(change: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        even_plan(**{"train": 2, "validation": 1, "test": 2, "pictures": 3, **change})


def test_nobody_is_in_two_splits() -> None:
    with pytest.raises(ConfigError, match="every identity in one split"):
        Plan(train=(1, 2), validation=(), test=(2,), counts={})


@pytest.mark.parametrize(("pair", "count"), [((7, 1), 1), ((1, 0), 1), ((1, 1), 0)])
def test_a_count_for_nobody_is_refused(pair: tuple[int, int], count: int) -> None:
    with pytest.raises(ConfigError, match="expected a camera of 1…6"):
        Plan(train=(1,), validation=(), test=(2,), counts={pair: count})
