"""Cameras that roam: people, places and boxes of the widest variety."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import PIL
import pytest

from mvd.commands.data.synth import synth
from mvd.config.difficulty import Difficulty
from mvd.data.layouts import scan
from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic import VARIED_RIG, SyntheticConfig, even_plan, render
from mvd.synthetic.people.casting import draw_person
from mvd.synthetic.people.crowd import draw_varied_person
from mvd.synthetic.people.person import Bag, Material, Pattern

CONFIG = SyntheticConfig(
    seed=5, plan=even_plan(train=2, validation=0, test=1, pictures=1, rig=VARIED_RIG), height=VARIED_RIG.height
)
VISIBLE, NEAR, THERMAL = VARIED_RIG.sensors


def test_a_picture_is_a_function_of_its_numbers() -> None:
    first = render(CONFIG, 3, VISIBLE, 1)
    render(CONFIG, 4, NEAR, 2)
    assert np.array_equal(render(CONFIG, 3, VISIBLE, 1), first)
    assert not np.array_equal(np.resize(render(CONFIG, 3, VISIBLE, 2), first.shape), first)


@pytest.mark.skipif(int(PIL.__version__.split(".")[0]) != 13, reason="the digest is of Pillow 13")
def test_pixels_stay() -> None:
    digest = hashlib.sha256()
    for identity in range(1, 5):
        for sensor in VARIED_RIG.sensors:
            digest.update(render(CONFIG, identity, sensor, 1).tobytes())
    assert digest.hexdigest()[:16] == "43039dbfb49f7573"


def test_infrared_pictures_are_grey_and_visible_ones_are_not() -> None:
    for sensor in VARIED_RIG.sensors:
        picture = render(CONFIG, 1, sensor, 1).astype(int)
        assert (np.ptp(picture, axis=2).max() == 0) == (sensor.modality is Modality.INFRARED)


def test_every_picture_has_its_own_box_and_view() -> None:
    pictures = [render(CONFIG, 2, VISIBLE, number) for number in range(1, 13)]
    shapes = {picture.shape for picture in pictures}
    assert len(shapes) > 8
    assert all(140 <= rows <= 180 and 0.3 < columns / rows < 0.6 for rows, columns, _ in shapes)
    brightness = [picture.mean() for picture in pictures]
    assert max(brightness) - min(brightness) > 40


def test_people_are_a_crowd() -> None:
    people = [draw_varied_person(1, identity) for identity in range(1, 201)]
    tops = np.array([person.looks[Material.TOP].colour for person in people])
    assert len(np.unique(tops, axis=0)) > 190  # a continuum, not a palette
    assert 0.25 < (tops.max(axis=1) < 80).mean() < 0.6  # many dark ones
    assert 0.5 < np.mean([person.clothes.pattern is Pattern.PLAIN for person in people]) < 0.75
    assert 0.3 < np.mean([person.bag is Bag.NONE for person in people]) < 0.7
    for person in people:
        for look in person.looks.values():
            assert all(0 <= value <= 255 for value in (*look.colour, look.infrared, look.heat))


def test_colour_does_not_predict_the_infrared() -> None:
    looks = [draw_varied_person(1, identity).looks[Material.TOP] for identity in range(1, 401)]
    grey, infrared = [sum(look.colour) for look in looks], [look.infrared for look in looks]
    assert abs(np.corrcoef(grey, infrared)[0, 1]) < 0.15


def test_a_person_is_the_demos_person_drawn_anew() -> None:
    assert draw_varied_person(1, 7).hair is draw_person(1, Difficulty(), 7).hair


def test_synth_writes_them_as_a_table(tmp_path: Path) -> None:
    result = synth(tmp_path / "people", varied=True, train=2, validation=0, test=1, pictures=1, workers=1)
    assert (result.people, result.pictures) == (3, 9)
    samples = scan(result.data)
    assert len(samples.train) == 6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"thermal": True}, "varied: expected neither like nor thermal beside it, found thermal"),
        ({"like": "regdb"}, "varied: expected neither like nor thermal beside it, found like"),
        ({"layout": "sysu"}, "expected the cameras of SYSU-MM01, found those of varied"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        synth(tmp_path / "people", varied=True, train=1, validation=0, test=1, **given)  # type: ignore[arg-type]
