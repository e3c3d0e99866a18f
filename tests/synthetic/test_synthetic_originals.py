"""Plans of the real data sets' sizes: their numbers of people and pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mvd.data.samples import Modality, Samples
from mvd.metrics.galleries import draw_gallery
from mvd.metrics.protocols import Search, Shots, sysu_protocol
from mvd.synthetic import LLCM, LLCM_RIG, REGDB, REGDB_RIG, SYSU_MM01, Plan, Sensor

VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED


def _pictures(plan: Plan, identities: Sequence[int], modality: Modality, cameras: Sequence[int] = range(1, 10)) -> int:
    return sum(
        count
        for identity in identities
        for sensor, count in plan.counts[identity].items()
        if sensor.modality is modality and sensor.camera in cameras
    )


def _seen_by(plan: Plan, *cameras: int, modality: Modality) -> set[int]:
    sensors = {Sensor(camera, modality) for camera in cameras}
    return {identity for identity, seen in plan.counts.items() if sensors & seen.keys()}


def test_sysu_has_the_real_numbers_of_identities() -> None:
    splits = (SYSU_MM01.train, SYSU_MM01.validation, SYSU_MM01.test)
    assert [len(split) for split in splits] == [296, 99, 96]
    assert len(set().union(*splits)) == 491
    assert len(SYSU_MM01.people) == 513


def test_sysu_has_the_real_numbers_of_pictures_per_camera() -> None:
    def each(identities: Sequence[int]) -> list[int]:
        return [_pictures(SYSU_MM01, identities, sensor.modality, [sensor.camera]) for sensor in SYSU_MM01.rig.sensors]

    everybody = SYSU_MM01.people
    assert each(everybody) == [6289, 7528, 9812, 8030, 8224, 5980]
    assert SYSU_MM01.pictures == 45863
    assert [_pictures(SYSU_MM01, everybody, modality) for modality in Modality] == [30071, 15792]
    trained = SYSU_MM01.train + SYSU_MM01.validation
    assert [_pictures(SYSU_MM01, trained, modality) for modality in Modality] == [22258, 11909]
    assert each(SYSU_MM01.test) == [1374, 1565, 1883, 1918, 1918, 1920]


def test_every_training_identity_of_sysu_has_both_modalities() -> None:
    both = _seen_by(SYSU_MM01, 1, 2, 4, 5, modality=VISIBLE) & _seen_by(SYSU_MM01, 3, 6, modality=INFRARED)
    split = set(SYSU_MM01.train + SYSU_MM01.validation + SYSU_MM01.test)
    assert split <= both
    assert not (set(SYSU_MM01.people) - split) & both


def test_sysu_gives_galleries_and_queries_of_the_real_size() -> None:
    test = set(SYSU_MM01.test)
    seen = {camera: test & _seen_by(SYSU_MM01, camera, modality=VISIBLE) for camera in (1, 2, 4, 5)}
    assert sum(len(people) for people in seen.values()) == 301
    assert len(seen[1]) + len(seen[2]) == 112
    assert _pictures(SYSU_MM01, SYSU_MM01.test, INFRARED) == 3803
    # Camera 3 does not search camera 2, so its people must have been seen by camera 1; they are the same ones here.
    assert seen[1] == seen[2]
    assert _pictures(SYSU_MM01, sorted(seen[1]), INFRARED) == 2208


@pytest.mark.parametrize(
    ("search", "shots", "pictures"), [("all", 1, 301), ("all", 10, 3010), ("indoor", 1, 112), ("indoor", 10, 1120)]
)
def test_drawn_galleries_of_sysu_have_the_real_sizes(search: Search, shots: Shots, pictures: int) -> None:
    shot = [shot for identity in SYSU_MM01.test for shot in SYSU_MM01.shots(identity)]
    samples = Samples(
        paths=np.array([f"cam{one.sensor.camera}/{one.identity}/{one.number:04d}.jpg" for one in shot]),
        identities=np.array([one.identity for one in shot]),
        cameras=np.array([one.sensor.camera for one in shot]),
        modalities=np.array([one.sensor.modality for one in shot]),
    )
    assert len(set(draw_gallery(sysu_protocol(search, "seeded", shots), samples, trial=3).tolist())) == pictures


def test_regdb_has_the_real_numbers() -> None:
    assert REGDB.rig == REGDB_RIG
    assert (len(REGDB.train), len(REGDB.validation), len(REGDB.test)) == (206, 0, 206)
    assert len(REGDB.people) == 412
    for modality in Modality:
        assert {_pictures(REGDB, [identity], modality) for identity in REGDB.people} == {10}


def test_llcm_has_the_real_numbers() -> None:
    assert LLCM.rig == LLCM_RIG
    assert (len(LLCM.train), len(LLCM.validation), len(LLCM.test)) == (713, 0, 351)
    assert [_pictures(LLCM, LLCM.train, modality) for modality in Modality] == [16946, 13975]
    assert [_pictures(LLCM, LLCM.test, modality) for modality in Modality] == [8680, 7166]
    assert LLCM.pictures == 46767


def test_a_camera_of_llcm_sees_two_thirds_of_either_split() -> None:
    for people, share in ((set(LLCM.train), 475), (set(LLCM.test), 234)):
        for modality in Modality:
            seen = [
                people & _seen_by(LLCM, n, modality=modality) for n in range(1, 10) if (n, modality) != (3, INFRARED)
            ]
            assert {len(some) for some in seen} == {share}
            assert len({frozenset(some) for some in seen}) == len(seen)  # no two cameras see the same people


def test_everybody_of_llcm_is_found_by_another_camera_in_the_other_modality() -> None:
    for identity in LLCM.people:
        visible, infrared = ({s.camera for s in LLCM.counts[identity] if s.modality is m} for m in Modality)
        assert len(visible) >= 5
        assert len(infrared) >= 4  # camera 3 is blind by night
