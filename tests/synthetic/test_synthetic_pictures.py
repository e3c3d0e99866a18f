"""Rendered pictures: the same everywhere, different between people, and an infrared that is not grey visible."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import PIL
import pytest

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic import (
    LLCM_RIG,
    REGDB_RIG,
    SYSU_RIG,
    Difficulty,
    Sensor,
    SyntheticConfig,
    even_plan,
    render,
)
from mvd.synthetic.geometry import Point, Spot, view
from mvd.synthetic.people.canvas import Canvas, Ring
from mvd.synthetic.people.casting import draw_person
from mvd.synthetic.people.person import Look, Material
from mvd.synthetic.people.pose import take_pose
from mvd.synthetic.randomness import Draws, Purpose
from mvd.synthetic.scenes.scene import cut_box, draw_scene

CONFIG = SyntheticConfig()
THERMAL = SyntheticConfig(thermal=True)
VISIBLE, INFRARED = Modality.VISIBLE, Modality.INFRARED
CAM1, CAM2, CAM3, CAM4, CAM5, CAM6 = SYSU_RIG.sensors
REGDB = SyntheticConfig(plan=even_plan(train=1, validation=0, test=1, pictures=1, rig=REGDB_RIG), height=128)
LLCM = SyntheticConfig(plan=even_plan(train=1, validation=0, test=1, pictures=1, rig=LLCM_RIG))

# A picture of each kind, and the start of its array's SHA-256 from a version of Pillow on, which fills the polygons.
KINDS = ((CONFIG, CAM4), (CONFIG, CAM6), (THERMAL, CAM3), (REGDB, Sensor(2, INFRARED)), (LLCM, Sensor(9, VISIBLE)),
         (LLCM, Sensor(8, INFRARED)))  # fmt: skip
DIGESTS = {
    (10, 0): "f819b914b6ff 52b4a6c02901 a59216e21a9d 4d9faa7b3004 0469b8c93676 c40462c834f1",
    (11, 1): "08e445bb9dd3 cd283da66e96 0b0a25354c56 151472d0458d 49737153e693 89c864e543e6",
    (11, 2): "797674d84b0a e589ec2bcb68 c4ce9d77090c 4aca418010ab a483d13b4999 06afea0be1a9",
    (13, 0): "b622585b62a3 d9da21528371 c4ce9d77090c 4aca418010ab a483d13b4999 06afea0be1a9",
}
PILLOW = tuple(int(part) for part in PIL.__version__.split(".")[:2])
SCENES = "ae77c19b64bd656163cd9947189dec2c"  # of all of LLCM, by every version


def _grey(look: Look) -> float:
    r, g, b = look.colour
    return 0.299 * r + 0.587 * g + 0.114 * b


def _people(count: int, difficulty: Difficulty) -> list[dict[Material, Look]]:
    return [draw_person(0, difficulty, identity).looks for identity in range(1, count + 1)]


def _detail(pictures: list[npt.NDArray[np.uint8]]) -> float:
    return float(np.mean([np.abs(np.diff(picture.astype(int), axis=1)).mean() for picture in pictures]))


def _render_some(difficulty: Difficulty, sensor: Sensor) -> list[npt.NDArray[np.uint8]]:
    config = SyntheticConfig(difficulty=difficulty)
    return [render(config, identity, sensor, 1) for identity in range(1, 7)]


@pytest.mark.skipif(PILLOW[0] > 13, reason=f"no digests were recorded for Pillow {PIL.__version__}")
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_seed_gives_these_pictures_on_every_machine(kind: int) -> None:
    config, sensor = KINDS[kind]
    known = DIGESTS[max(version for version in DIGESTS if version <= PILLOW)].split()
    assert hashlib.sha256(render(config, 1, sensor, 1).tobytes()).hexdigest().startswith(known[kind])


@pytest.mark.skipif(PILLOW[0] > 13, reason=f"no digest was recorded for Pillow {PIL.__version__}")
def test_a_seed_gives_these_scenes_on_every_machine() -> None:
    digest = hashlib.sha256()
    for camera in LLCM_RIG.cameras:
        digest.update(draw_scene(0, camera).tobytes())
    assert digest.hexdigest().startswith(SCENES)


@pytest.mark.parametrize("sensor", SYSU_RIG.sensors, ids=str)
def test_a_picture_is_a_function_of_its_numbers(sensor: Sensor) -> None:
    first = render(CONFIG, 2, sensor, 3)
    render(SyntheticConfig(seed=9), 5, sensor, 1)
    draw_person.cache_clear()
    draw_scene.cache_clear()
    np.testing.assert_array_equal(render(CONFIG, 2, sensor, 3), first)
    for other in (
        render(CONFIG, 3, sensor, 3),
        render(CONFIG, 2, sensor, 4),
        render(SyntheticConfig(seed=1), 2, sensor, 3),
    ):
        assert other.shape != first.shape or not np.array_equal(other, first)


def test_pictures_are_of_about_the_height_asked_for() -> None:
    for height in (64, 240, 400):
        config = SyntheticConfig(height=height)
        shapes = [render(config, 1, sensor, 1).shape for sensor in SYSU_RIG.sensors]
        assert all(0.83 * height < rows < 1.21 * height for rows, _, _ in shapes)
        assert all(0.38 < columns / rows < 0.52 for rows, columns, _ in shapes)


def test_infrared_pictures_have_no_colour_and_visible_ones_do() -> None:
    for sensor in SYSU_RIG.sensors:
        picture = render(CONFIG, 1, sensor, 1).astype(int)
        colourful = np.abs(picture[:, :, 0] - picture[:, :, 2]).mean()
        assert colourful == 0 if sensor.modality is INFRARED else colourful > 3


def test_infrared_is_no_function_of_the_visible_grey() -> None:
    people = _people(500, Difficulty())
    for material in (Material.TOP, Material.BOTTOM, Material.BAG, Material.HAIR, Material.SHOE):
        grey = np.array([_grey(looks[material]) for looks in people])
        infrared = np.array([looks[material].infrared for looks in people])
        assert abs(np.corrcoef(grey, infrared)[0, 1]) < 0.15
        # Among materials of one grey the infrared varies as much as it does among all.
        alike = infrared[np.abs(grey - np.median(grey)) < 12]
        assert len(alike) > 20
        assert alike.std() > 0.75 * infrared.std()


@pytest.mark.parametrize("probability", [0.0, 0.6, 1.0])
def test_patterns_keep_their_edges_in_the_infrared_as_often_as_asked(probability: float) -> None:
    people = _people(300, Difficulty(print_in_infrared=probability))
    contrasts = np.array([abs(looks[Material.TOP].infrared - looks[Material.PRINT].infrared) for looks in people])
    assert np.mean(contrasts > 60) == pytest.approx(probability, abs=0.08)
    assert np.mean(contrasts < 20) == pytest.approx(1 - probability, abs=0.08)
    assert min(abs(_grey(looks[Material.TOP]) - _grey(looks[Material.PRINT])) for looks in people) > 20


def test_thermal_cameras_show_skin_as_warmest() -> None:
    for looks in _people(50, Difficulty()):
        warmest = max(
            look.heat for material, look in looks.items() if material not in (Material.SKIN, Material.FEATURE)
        )
        assert looks[Material.SKIN].heat > warmest + 40
    near, thermal = (render(config, 2, CAM3, 1) for config in (CONFIG, THERMAL))
    assert near.shape == thermal.shape
    assert np.abs(near.astype(int) - thermal).mean() > 10
    np.testing.assert_array_equal(
        render(CONFIG, 2, CAM1, 1), render(THERMAL, 2, CAM1, 1)
    )  # only infrared cameras change


def test_people_differ_and_without_variety_do_not() -> None:
    def outlines(variety: float) -> set[object]:
        people = [draw_person(0, Difficulty(variety=variety), identity) for identity in range(1, 101)]
        return {(p.hair, p.headgear, p.bag, p.clothes.pattern, p.clothes.skirt, round(p.clothes.hem, 1),
                 p.clothes.sleeve, round(p.clothes.bottom_hem, 1)) for p in people}  # fmt: skip

    assert len(outlines(1.0)) > 90
    assert len(outlines(0.0)) == 1


def test_noise_and_blur_do_what_their_names_say() -> None:
    clean = _detail(_render_some(Difficulty(noise=0, blur=0), CAM6))
    assert _detail(_render_some(Difficulty(noise=3, blur=0), CAM6)) > 2 * clean
    assert _detail(_render_some(Difficulty(noise=0, blur=3), CAM6)) < 0.8 * clean


def test_without_jitter_all_boxes_have_one_shape() -> None:
    def ratios(jitter: float) -> npt.NDArray[np.float64]:
        shapes = [picture.shape for picture in _render_some(Difficulty(box_jitter=jitter), CAM1)]
        return np.array([columns / rows for rows, columns, _ in shapes])

    assert np.ptp(ratios(0.0)) < 0.01
    assert np.ptp(ratios(0.3)) > 0.02


@pytest.mark.parametrize(("identity", "picture"), [(0, 1), (10000, 1), (1, 0), (1, 10000)])
def test_numbers_out_of_range_are_named(identity: int, picture: int) -> None:
    with pytest.raises(ConfigError, match=f"found identity {identity}, picture {picture}"):
        render(CONFIG, identity, CAM1, picture)


@pytest.mark.parametrize("sensor", [Sensor(0, VISIBLE), Sensor(7, INFRARED), Sensor(1, INFRARED)], ids=str)
def test_a_camera_that_the_rig_has_not_is_named(sensor: Sensor) -> None:
    with pytest.raises(ConfigError, match=rf"expected a camera of SYSU-MM01 \(.*\), found {sensor}"):
        render(CONFIG, 1, sensor, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Difficulty(variety=1.5), "variety: expected a number from 0 to 1, found 1.5"),
        (lambda: Difficulty(blur=-1), "blur: expected a number from 0 to 4"),
        (lambda: Difficulty(noise=float("nan")), "noise: expected a finite number, found nan"),
        (lambda: SyntheticConfig(seed=-1), "seed: expected a whole number"),
        (lambda: SyntheticConfig(height=20), "height: expected a whole number from 64 to 512, found 20"),
        (lambda: SyntheticConfig(quality=100), "quality: expected a whole number from 30 to 95"),
    ],
)
def test_settings_out_of_range_are_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_lower_foot_stands_on_the_ground_and_the_head_is_on_top() -> None:
    for identity in range(1, 120):
        person = draw_person(0, Difficulty(), identity)
        pose = take_pose(person, Draws(0, Purpose.PICTURE, identity=identity))
        assert min(leg.ankle.up for leg in pose.legs) == pytest.approx(0.075)
        assert 1.4 < pose.head.up < 1.7
        for leg in pose.legs:
            assert leg.hip.up > leg.knee.up > leg.ankle.up
            # A knee bends backwards only: it is never behind the line from hip to ankle.
            share = (leg.hip.up - leg.knee.up) / (leg.hip.up - leg.ankle.up)
            assert leg.knee.front >= share * leg.ankle.front - 1e-6


def test_a_limb_covers_what_is_within_its_radius() -> None:
    canvas = Canvas((80, 120), 60.0, (40.0, 110.0), view(0.0, 0.0))
    start, end, radius = (-0.25, 0.4), (0.3, 1.3), 0.15
    canvas.limb((Spot(*start, 0.0), Spot(*end, 0.0)), (radius, radius), Material.TOP)
    rows, columns = np.mgrid[0:240, 0:160]
    x, y = (columns / 2 - 40) / 60, (110 - rows / 2) / 60
    dx, dy = end[0] - start[0], end[1] - start[1]
    share = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    inside = np.hypot(x - start[0] - share * dx, y - start[1] - share * dy) <= radius
    drawn = np.asarray(canvas.labels) == Material.TOP
    assert (inside & drawn).sum() / (inside | drawn).sum() > 0.95


def test_a_strip_is_seen_from_its_side_only() -> None:
    def painted(yaw: float) -> int:
        canvas = Canvas((80, 120), 60.0, (40.0, 110.0), view(yaw, 0.0))
        rings = [Ring(Point(0.0, height, 0.0), 0.3, 0.2) for height in (0.2, 0.9, 1.6)]
        canvas.tube(rings, Material.TOP)
        canvas.strip(rings, (-0.08, 0.08), Material.PRINT)
        return int((np.asarray(canvas.labels) == Material.PRINT).sum())

    assert painted(0.0) > painted(0.15) > painted(0.5) == 0


def test_a_box_stays_within_its_scene() -> None:
    for distance in (4.2, 6.0, 8.0):
        for across in (-1.0, 0.0, 0.99):
            cut = cut_box(distance, across, (-0.6, -0.3, 0.5, 2.1))
            assert 0 <= cut.left < cut.right <= 960
            assert 0 <= cut.top < cut.bottom <= 720


def test_cameras_2_and_3_look_into_one_room_from_two_sides() -> None:
    def edges(sensor: Sensor) -> npt.NDArray[np.float64]:
        grey = np.asarray(draw_scene(0, CONFIG.camera(sensor)).convert("L").reduce(4)).astype(float)
        return (np.abs(np.diff(grey, axis=1))[:-1] + np.abs(np.diff(grey, axis=0))[:, :-1]).ravel()

    def alike(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> float:
        return float(np.corrcoef(one, two)[0, 1])

    mirrored = edges(CAM3).reshape(179, 239)[:, ::-1].ravel()
    assert alike(edges(CAM2), mirrored) > 0.5
    assert alike(edges(CAM1), mirrored) < 0.3
