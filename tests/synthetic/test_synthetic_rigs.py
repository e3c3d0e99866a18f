"""Rigs: which cameras there are, what each looks at, and in which light."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic import (
    LLCM_RIG,
    REGDB_RIG,
    SYSU_RIG,
    Camera,
    Difficulty,
    Rig,
    Sensor,
    SyntheticConfig,
    even_plan,
    render,
)
from mvd.synthetic.scenes.scene import draw_scene

VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED
RIGS = (SYSU_RIG, REGDB_RIG, LLCM_RIG)
PLAIN = Difficulty(noise=0, blur=0, occlusion=0)


def _config(rig: Rig, *, seed: int = 0, thermal: bool = False, difficulty: Difficulty = PLAIN) -> SyntheticConfig:
    plan = even_plan(train=1, validation=0, test=1, pictures=1, rig=rig)
    return SyntheticConfig(seed=seed, plan=plan, height=96, thermal=thermal, difficulty=difficulty)


def _edges(camera: Camera) -> npt.NDArray[np.float64]:
    grey = np.asarray(draw_scene(0, camera).convert("L").reduce(4)).astype(float)
    return (np.abs(np.diff(grey, axis=1))[:-1] + np.abs(np.diff(grey, axis=0))[:, :-1]).ravel()


def _alike(one: Camera, other: Camera) -> float:
    return float(np.corrcoef(_edges(one), _edges(other))[0, 1])


def _llcm(number: int, modality: Modality) -> Camera:
    return LLCM_RIG.cameras[LLCM_RIG.place_of(Sensor(number, modality))]


def test_each_data_set_has_its_cameras() -> None:
    def numbers(rig: Rig) -> list[list[int]]:
        return [[camera.number for camera in rig.of(modality)] for modality in Modality]

    assert numbers(SYSU_RIG) == [[1, 2, 4, 5], [3, 6]]
    assert numbers(REGDB_RIG) == [[1], [2]]
    assert numbers(LLCM_RIG) == [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 4, 5, 6, 7, 8, 9]]


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="no two of one number and modality, found camera 1 visible, camera 1 visible"
    ):
        Rig(name="mine", cameras=SYSU_RIG.cameras[:1] * 2)
    with pytest.raises(ConfigError, match=r"mine: expected 1 to 255 cameras, .* found none"):
        Rig(name="mine", cameras=())


def test_a_visible_camera_is_not_thermal() -> None:
    with pytest.raises(ConfigError, match="mine: expected thermal cameras to be infrared, found camera 1 visible"):
        Rig(name="mine", cameras=(SYSU_RIG.cameras[0]._replace(thermal=True),))


@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 7, 8, 9])
def test_a_camera_of_llcm_sees_one_scene_by_day_and_night(number: int) -> None:
    by_day = _llcm(number, VISIBLE)
    others = [camera for camera in LLCM_RIG.of(INFRARED) if camera.number != number]
    assert _alike(by_day, _llcm(number, INFRARED)) > max(0.3, *(_alike(by_day, other) + 0.1 for other in others))


def test_the_cameras_of_llcm_look_at_nine_places() -> None:
    assert max(_alike(one, other) for one, other in combinations(LLCM_RIG.of(VISIBLE), 2)) < 0.5


def test_the_cameras_of_llcm_have_lights_of_their_own() -> None:
    config = _config(LLCM_RIG)
    tints = []
    for camera in LLCM_RIG.of(VISIBLE):
        pictures = [render(config, identity, camera.sensor, 1).reshape(-1, 3).mean(axis=0) for identity in range(1, 25)]
        tints.append(np.mean(pictures, axis=0))
    assert min(float(np.linalg.norm(one - other)) for one, other in combinations(tints, 2)) > 5


def test_a_camera_of_llcm_sees_other_moments_by_day_and_night() -> None:
    config = _config(LLCM_RIG)
    shapes = [[render(config, identity, Sensor(1, m), 1).shape for m in Modality] for identity in range(1, 9)]
    assert sum(by_day == by_night for by_day, by_night in shapes) < 3


@pytest.mark.parametrize("rig", RIGS, ids=lambda rig: rig.name)
def test_every_camera_draws_moments_of_its_own(rig: Rig) -> None:
    config = _config(rig)
    heights = {
        tuple(render(config, identity, sensor, 1).shape[0] for identity in range(1, 7)) for sensor in rig.sensors
    }
    assert len(heights) == len(rig.sensors)


def test_people_are_the_warmest_before_the_infrared_camera_of_regdb() -> None:
    config, warmer = _config(REGDB_RIG), []
    for identity in range(1, 31):
        picture = render(config, identity, Sensor(2, INFRARED), 1)[:, :, 0].astype(float)
        rows, columns = picture.shape
        upper = picture[rows // 5 : rows // 2]
        body, behind = upper[:, 2 * columns // 5 : 3 * columns // 5], upper[:, : columns // 8]
        warmer.append(np.median(body) - np.median(behind))
        assert picture.max() > 240  # skin
    assert np.mean(np.array(warmer) > 30) > 0.8  # the others carry a cool backpack


def test_thermal_turns_every_infrared_camera_and_no_other() -> None:
    near, thermal = (_config(LLCM_RIG, thermal=thermal) for thermal in (False, True))
    for sensor in LLCM_RIG.sensors:
        same = np.array_equal(render(near, 3, sensor, 1), render(thermal, 3, sensor, 1))
        assert same == (sensor.modality is VISIBLE)
    sensor = Sensor(2, INFRARED)
    regdb, told = (_config(REGDB_RIG, thermal=thermal) for thermal in (False, True))
    np.testing.assert_array_equal(render(regdb, 3, sensor, 1), render(told, 3, sensor, 1))


@pytest.mark.parametrize("rig", RIGS, ids=lambda rig: rig.name)
def test_difficulty_works_for_every_rig(rig: Rig) -> None:
    def detail(difficulty: Difficulty, sensor: Sensor) -> float:
        pictures = [render(_config(rig, difficulty=difficulty), identity, sensor, 1) for identity in (1, 2, 3)]
        return float(np.mean([np.abs(np.diff(picture.astype(int), axis=1)).mean() for picture in pictures]))

    for sensor in rig.sensors:
        clean = detail(PLAIN, sensor)
        assert detail(Difficulty(noise=6, blur=0, occlusion=0), sensor) > 1.5 * clean
        assert detail(Difficulty(noise=0, blur=4, occlusion=0), sensor) < 0.9 * clean
