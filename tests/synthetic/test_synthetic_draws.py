"""The synthetic data set's randomness and sines: the same numbers everywhere, and the right ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mvd.synthetic.geometry import Point, cosine, length, sine, view
from mvd.synthetic.randomness import Draws, Purpose

PINNED_UNITS = [0.44604943262625374, 0.757404456758933, 0.8955948173614249]


def test_a_stream_is_a_function_of_its_key() -> None:
    def first(seed: int = 5, purpose: Purpose = Purpose.PICTURE, **key: int) -> float:
        return Draws(seed, purpose, **key).unit()

    assert first(identity=3, camera=2, picture=7) == first(identity=3, camera=2, picture=7)
    others = [first(), first(6), first(purpose=Purpose.SCENE), first(identity=1), first(camera=1), first(picture=1)]
    assert len(set(others)) == len(others)


def test_the_numbers_are_pinned() -> None:
    draws = Draws(0, Purpose.PERSON, identity=1)
    assert [draws.unit() for _ in range(3)] == PINNED_UNITS


def test_a_long_stream_is_even_and_does_not_repeat() -> None:
    draws = Draws(1, Purpose.PERSON)
    values = np.array([draws.unit() for _ in range(5000)])
    assert len(np.unique(values)) == 5000
    assert np.histogram(values, bins=10, range=(0, 1))[0].min() > 400
    assert 0 <= values.min() < values.max() < 1


def test_weights_are_kept() -> None:
    draws = Draws(2, Purpose.PERSON)
    found = [draws.weigh((("a", 1.0), ("b", 0.0), ("c", 3.0))) for _ in range(4000)]
    assert found.count("b") == 0
    assert found.count("c") / 4000 == pytest.approx(0.75, abs=0.03)


def test_a_permutation_holds_each_number_once() -> None:
    draws = Draws(3, Purpose.GALLERY)
    orders = [draws.permutation(9).tolist() for _ in range(5)]
    assert all(sorted(order) == list(range(9)) for order in orders)
    assert len({tuple(order) for order in orders}) == 5


def test_sine_and_cosine_agree_with_the_library() -> None:
    for turns in np.linspace(-2.3, 2.3, 997).tolist():
        assert sine(turns) == pytest.approx(math.sin(2 * math.pi * turns), abs=1e-7)
        assert cosine(turns) == pytest.approx(math.cos(2 * math.pi * turns), abs=1e-7)


def test_a_view_turns_and_tilts_without_stretching() -> None:
    turned = view(0.13, 0.0).see(Point(0.3, 1.2, -0.4))
    assert length(turned.x, turned.near) == pytest.approx(0.5)
    assert turned.y == pytest.approx(1.2)
    assert view(0.0, 0.0).see(Point(0.3, 1.2, -0.4)) == pytest.approx((0.3, 1.2, -0.4))
    assert view(0.25, 0.0).see(Point(0.0, 0.0, 1.0)) == pytest.approx((1.0, 0.0, 0.0), abs=1e-7)
    near, far = (view(0.0, 0.05).see(Point(0.0, 0.0, front)).y for front in (0.5, -0.5))
    assert near < far  # a camera that looks down sees what is nearer lower in the picture
