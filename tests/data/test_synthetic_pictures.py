"""Rendered pictures: the same everywhere, different between people, and an infrared that is not grey visible."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import PIL
import pytest

from mvd.data.synthetic import Difficulty, SyntheticConfig, contact_sheet, render
from mvd.data.synthetic.canvas import Canvas, Ring
from mvd.data.synthetic.casting import draw_person
from mvd.data.synthetic.geometry import Point, Spot, view
from mvd.data.synthetic.person import Look, Material
from mvd.data.synthetic.pose import take_pose
from mvd.data.synthetic.randomness import Draws, Purpose
from mvd.data.synthetic.scene import cut_box, draw_scene
from mvd.errors import ConfigError

CONFIG = SyntheticConfig()
THERMAL = SyntheticConfig(thermal=True)
PILLOW = int(PIL.__version__.split(".")[0])
# SHA-256 of one array of each kind, by Pillow's major version: it is Pillow that fills the polygons.
DIGESTS = {
    10: ("f819b914b6ff007a4892145ab6be5ab8", "52b4a6c02901796701ddee378f6273c7", "a59216e21a9d2c12a1f5121a6864ff79"),
    11: ("f819b914b6ff007a4892145ab6be5ab8", "52b4a6c02901796701ddee378f6273c7", "a59216e21a9d2c12a1f5121a6864ff79"),
    12: ("797674d84b0ac55978d960df48839260", "e589ec2bcb6851f685525c4ae1258676", "c4ce9d77090c386770e935bafe23af84"),
    13: ("b622585b62a3a2f426cf97202c6235c0", "d9da2152837147dd1f6080cbe23bd0bc", "c4ce9d77090c386770e935bafe23af84"),
}


def _grey(look: Look) -> float:
    r, g, b = look.colour
    return 0.299 * r + 0.587 * g + 0.114 * b


def _people(count: int, difficulty: Difficulty) -> list[dict[Material, Look]]:
    return [draw_person(0, difficulty, identity).looks for identity in range(1, count + 1)]


def _detail(pictures: list[npt.NDArray[np.uint8]]) -> float:
    return float(np.mean([np.abs(np.diff(picture.astype(int), axis=1)).mean() for picture in pictures]))


def _render_some(difficulty: Difficulty, camera: int) -> list[npt.NDArray[np.uint8]]:
    config = SyntheticConfig(difficulty=difficulty)
    return [render(config, identity, camera, 1) for identity in range(1, 7)]


@pytest.mark.skipif(PILLOW not in DIGESTS, reason=f"no digests were recorded for Pillow {PIL.__version__}")
@pytest.mark.parametrize(("kind", "config", "camera"), [(0, CONFIG, 4), (1, CONFIG, 6), (2, THERMAL, 3)])
def test_a_seed_gives_these_pictures_on_every_machine(kind: int, config: SyntheticConfig, camera: int) -> None:
    digest = hashlib.sha256(render(config, 1, camera, 1).tobytes()).hexdigest()
    assert digest.startswith(DIGESTS[PILLOW][kind])


@pytest.mark.parametrize("camera", range(1, 7))
def test_a_picture_is_a_function_of_its_numbers(camera: int) -> None:
    first = render(CONFIG, 2, camera, 3)
    render(SyntheticConfig(seed=9), 5, camera, 1)
    draw_person.cache_clear()
    draw_scene.cache_clear()
    np.testing.assert_array_equal(render(CONFIG, 2, camera, 3), first)
    for other in (
        render(CONFIG, 3, camera, 3),
        render(CONFIG, 2, camera, 4),
        render(SyntheticConfig(seed=1), 2, camera, 3),
    ):
        assert other.shape != first.shape or not np.array_equal(other, first)


def test_pictures_are_of_about_the_height_asked_for() -> None:
    for height in (64, 240, 400):
        config = SyntheticConfig(height=height)
        shapes = [render(config, 1, camera, 1).shape for camera in range(1, 7)]
        assert all(0.83 * height < rows < 1.21 * height for rows, _, _ in shapes)
        assert all(0.38 < columns / rows < 0.52 for rows, columns, _ in shapes)


def test_infrared_pictures_have_no_colour_and_visible_ones_do() -> None:
    for camera in range(1, 7):
        picture = render(CONFIG, 1, camera, 1).astype(int)
        colourful = np.abs(picture[:, :, 0] - picture[:, :, 2]).mean()
        assert colourful == 0 if camera in (3, 6) else colourful > 3


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
    near, thermal = (render(config, 2, 3, 1) for config in (CONFIG, THERMAL))
    assert near.shape == thermal.shape
    assert np.abs(near.astype(int) - thermal).mean() > 10
    np.testing.assert_array_equal(render(CONFIG, 2, 1, 1), render(THERMAL, 2, 1, 1))  # only infrared cameras change


def test_people_differ_and_without_variety_do_not() -> None:
    def outlines(variety: float) -> set[object]:
        people = [draw_person(0, Difficulty(variety=variety), identity) for identity in range(1, 101)]
        return {(p.hair, p.headgear, p.bag, p.clothes.pattern, p.clothes.skirt, round(p.clothes.hem, 1),
                 p.clothes.sleeve, round(p.clothes.bottom_hem, 1)) for p in people}  # fmt: skip

    assert len(outlines(1.0)) > 90
    assert len(outlines(0.0)) == 1


def test_noise_and_blur_do_what_their_names_say() -> None:
    clean = _detail(_render_some(Difficulty(noise=0, blur=0), 6))
    assert _detail(_render_some(Difficulty(noise=3, blur=0), 6)) > 2 * clean
    assert _detail(_render_some(Difficulty(noise=0, blur=3), 6)) < 0.8 * clean


def test_without_jitter_all_boxes_have_one_shape() -> None:
    def ratios(jitter: float) -> npt.NDArray[np.float64]:
        shapes = [picture.shape for picture in _render_some(Difficulty(box_jitter=jitter), 1)]
        return np.array([columns / rows for rows, columns, _ in shapes])

    assert np.ptp(ratios(0.0)) < 0.01
    assert np.ptp(ratios(0.3)) > 0.02


@pytest.mark.parametrize("numbers", [(0, 1, 1), (10000, 1, 1), (1, 0, 1), (1, 7, 1), (1, 1, 0), (1, 1, 10000)])
def test_numbers_out_of_range_are_named(numbers: tuple[int, int, int]) -> None:
    identity, camera, picture = numbers
    with pytest.raises(ConfigError, match=f"found camera {camera}, identity {identity}, picture {picture}"):
        render(CONFIG, identity, camera, picture)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Difficulty(variety=1.5), "variety: expected a number from 0 to 1, found 1.5"),
        (lambda: Difficulty(blur=-1), "blur: expected a number from 0 to 4"),
        (lambda: Difficulty(noise=float("nan")), "noise: expected a number from 0 to 8"),
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
    def edges(camera: int) -> npt.NDArray[np.float64]:
        grey = np.asarray(draw_scene(0, camera, False).convert("L").reduce(4)).astype(float)
        return (np.abs(np.diff(grey, axis=1))[:-1] + np.abs(np.diff(grey, axis=0))[:, :-1]).ravel()

    def alike(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> float:
        return float(np.corrcoef(one, two)[0, 1])

    mirrored = edges(3).reshape(179, 239)[:, ::-1].ravel()
    assert alike(edges(2), mirrored) > 0.5
    assert alike(edges(1), mirrored) < 0.3


def test_a_contact_sheet_shows_both_modalities_side_by_side() -> None:
    sheet = np.asarray(contact_sheet(CONFIG, [1, 2], pictures=2, height=64)).astype(int)
    assert sheet.shape[0] == 18 + 2 * 67
    colour = np.abs(sheet[:, :, 0] - sheet[:, :, 2]).max(axis=0)
    infrared_from = 38 + 8 * (29 + 3) + 14
    assert colour[:infrared_from].max() > 50
    assert colour[infrared_from:].max() == 0


def test_an_empty_contact_sheet_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one identity"):
        contact_sheet(CONFIG, [])
