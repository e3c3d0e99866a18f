"""Calibration: probabilities and thresholds against slow obvious code, and on people whom it was not learnt on."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mvd.data.samples import Modality
from mvd.errors import CheckpointError, ProtocolError
from mvd.metrics.calibration import ENOUGH_PEOPLE, Calibration, learn_calibration
from mvd.metrics.calibration.check import check_calibration, cross_check, expected_error
from mvd.metrics.calibration.pair_statistics import PLACES, camera_statistics, pair_statistics

VISIBLE, INFRARED = Modality


def draw(
    people: int, *, seed: int, pictures: int = 4, noise: float = 0.9, width: int = 24
) -> tuple[npt.NDArray[Any], ...]:
    """Draw unit vectors around a centre for each person, half of them infrared, each in a camera of its own."""
    rng = np.random.default_rng(seed)
    identities = np.repeat(np.arange(people), pictures)
    vectors = rng.normal(size=(people, width))[identities] + noise * rng.normal(size=(people * pictures, width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cameras = np.tile(np.arange(1, pictures + 1), people)
    return vectors.astype(np.float32), identities, cameras % 2, cameras


def learn(people: int = 80, *, seed: int = 0, **more: float) -> Calibration:
    return learn_calibration(*draw(people, seed=seed, **more), model="81f0", data="drawn")  # type: ignore[arg-type]


def test_statistics_are_those_of_all_pairs() -> None:
    vectors, identities, modalities, cameras = draw(7, seed=3, pictures=5)
    cameras = np.where(np.arange(len(cameras)) % 3 == 0, 0, cameras // 2)
    shuffled = np.random.default_rng(0).permutation(len(vectors))
    columns = [column[shuffled] for column in (vectors, identities, modalities, cameras)]
    found = pair_statistics(*columns)
    assert set(found) == set(product(Modality, Modality))
    for (query, gallery), pair in found.items():
        same, other, impostors = [], [], []
        own, others = dict[int, float](), dict[int, float]()
        for i, j in product(range(len(vectors)), repeat=2):
            if modalities[i] != query or modalities[j] != gallery:
                continue
            similarity = float(vectors[i] @ vectors[j])
            if identities[i] != identities[j]:
                other.append(similarity)
                others[i] = max(others.get(i, -2), similarity)
            elif i != j and not (cameras[i] == cameras[j] != 0):
                same.append(similarity)
                own[i] = max(own.get(i, -2), similarity)
        for i, person in product(range(len(vectors)), range(7)):
            if modalities[i] == query and identities[i] != person:
                theirs = (identities == person) & (modalities == gallery)
                impostors.append(float((vectors[theirs] @ vectors[i]).max()))
        for histogram, expected in ((pair.same, same), (pair.other, other)):
            assert histogram.sum() == len(expected)
            np.testing.assert_allclose(np.repeat(PLACES, histogram), np.sort(expected), atol=1e-3)
        np.testing.assert_allclose(np.sort(pair.impostors), np.sort(impostors), atol=1e-6)
        np.testing.assert_allclose(np.sort(pair.best_other), np.sort(list(others.values())), atol=1e-6)
        known = pair.best_own[~np.isnan(pair.best_own)]
        np.testing.assert_allclose(np.sort(known), np.sort(list(own.values())), atol=1e-6)
        assert pair.people == 7


def test_probabilities_are_those_of_a_logistic_regression_by_small_steps() -> None:
    columns = draw(12, seed=1)
    calibration = learn_calibration(*columns, model="", data="")
    pair = pair_statistics(*columns)[INFRARED, VISIBLE]
    yes, no = np.repeat(PLACES, pair.same), np.repeat(PLACES, pair.other)
    high, low = (len(yes) + 1) / (len(yes) + 2), 1 / (len(no) + 2)
    slope = offset = 0.0
    for _ in range(6000):
        p, q = (1 / (1 + np.exp(-(slope * some + offset))) for some in (yes, no))
        slope -= 40 * (((p - high) * yes).mean() + ((q - low) * no).mean()) / 2
        offset -= 4 * ((p - high).mean() + (q - low).mean()) / 2
    learnt = calibration.pairs["infrared-visible"]
    assert (learnt.slope, learnt.offset) == pytest.approx((slope, offset), rel=2e-2)


def test_probabilities_ascend_and_hold_on_other_people() -> None:
    calibration = learn(300)
    grid = np.linspace(-1, 1, 101)
    for query, gallery in product(Modality, Modality):
        found = calibration.probability(grid, query, gallery)
        assert (np.diff(found) > 0).all()
        assert 0 < found.min() < 0.01 < 0.99 < found.max() < 1
    checks = check_calibration(calibration, *draw(300, seed=9))
    assert all(check.error < 0.03 for check in checks.values())
    # The same similarities with another offset would be far off.
    wrong = replace(
        calibration, pairs={name: replace(one, offset=one.offset + 2) for name, one in calibration.pairs.items()}
    )
    assert all(check.error > 0.08 for check in check_calibration(wrong, *draw(300, seed=9)).values())


def test_a_prior_is_bayes_rule() -> None:
    calibration = learn()
    half = calibration.probability([0.4], 1, 0)[0]
    odds = half / (1 - half) * (1 / 99)
    assert calibration.probability([0.4], 1, 0, prior=0.01)[0] == pytest.approx(odds / (1 + odds))


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_thresholds_give_the_stated_rate_of_false_alarms_in_a_larger_gallery(rate: float) -> None:
    calibration = learn(100)
    others = draw(400, seed=5)  # four times as many people as it was learnt on
    for (query, gallery), found in pair_statistics(*others).items():
        threshold = calibration.threshold(rate, found.people - 1, query, gallery)
        alarms = (found.best_other > threshold).mean()
        assert 0.1 * rate < alarms < 2 * rate, (query, gallery)


def test_thresholds_rise_with_the_gallery_and_fall_with_the_rate() -> None:
    calibration = learn()
    by_people = [calibration.threshold(0.01, people, 1, 0) for people in (1, 10, 100, 10_000, 10**9)]
    by_rate = [calibration.threshold(rate, 100, 1, 0) for rate in (1e-9, 0.001, 0.01, 0.5, 0.999)]
    assert by_people == sorted(by_people)
    assert by_rate == sorted(by_rate, reverse=True)
    assert max(*by_people, *by_rate) <= 1
    assert min(*by_people, *by_rate) >= -1


def test_embeddings_that_know_nothing_say_nothing() -> None:
    calibration = learn(40, noise=50.0)
    found = calibration.probability([-0.5, 0.0, 0.9], 1, 0)
    assert np.diff(found).min() >= 0
    assert (np.abs(found - 0.5) < 0.35).all()


def test_json_gives_back_the_same_and_refuses_other_things() -> None:
    calibration = learn()
    assert Calibration.from_json(calibration.to_json()) == calibration
    assert Calibration.of(calibration.to_json(), "81f0", "here") == calibration
    assert Calibration.of(calibration.to_json(), "another", "here") is None
    assert Calibration.of(None, "81f0", "here") is None
    fields = json.loads(calibration.to_json())
    for text in (
        "",
        "[]",
        "{}",
        json.dumps(fields | {"version": 99}),
        json.dumps(fields | {"pairs": {"a": {"slope": 1}}}),
    ):
        with pytest.raises(CheckpointError, match="here: expected a calibration that mvd wrote"):
            Calibration.from_json(text, "here")


def test_what_cannot_be_answered_is_one_line() -> None:
    vectors, identities, modalities, cameras = draw(20, seed=0)
    visible = [column[modalities == VISIBLE] for column in (vectors, identities, modalities, cameras)]
    calibration = learn_calibration(*visible, model="", data="")
    assert calibration.covers(VISIBLE, VISIBLE)
    assert not calibration.covers(INFRARED, VISIBLE)
    with pytest.raises(ProtocolError, match="expected a calibration of infrared-visible, found visible-visible"):
        calibration.probability([0.5], INFRARED, VISIBLE)
    with pytest.raises(ProtocolError, match="expected a false-alarm rate between 0 and 1"):
        calibration.threshold(0, 10, VISIBLE, VISIBLE)
    with pytest.raises(ProtocolError, match="prior: expected a probability"):
        calibration.probability([0.5], VISIBLE, VISIBLE, prior=1)
    one = [column[identities == 0] for column in (vectors, identities, modalities, cameras)]
    with pytest.raises(ProtocolError, match="expected at least two people"):
        learn_calibration(*one, model="", data="")


def test_the_expected_error_is_that_of_single_pairs() -> None:
    rng = np.random.default_rng(0)
    stated, same, other = rng.uniform(size=50), rng.integers(0, 9, 50), rng.integers(0, 30, 50)
    weights = np.concatenate([np.full(same.sum(), 0.3 / same.sum()), np.full(other.sum(), 0.7 / other.sum())])
    shown = np.repeat([1, 0], [same.sum(), other.sum()])
    probability = np.concatenate([np.repeat(stated, same), np.repeat(stated, other)])
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (probability >= low) & (probability < low + 1 / 15)
        expected += abs((weights * (probability - shown))[inside].sum())
    assert expected_error(stated, same, other, prior=0.3) == pytest.approx(expected)


def test_both_halves_of_the_people_check_each_other() -> None:
    checks = cross_check(*draw(120, seed=2))
    assert set(checks) == {"visible-visible", "visible-infrared", "infrared-visible", "infrared-infrared"}
    for check in checks.values():
        assert (check.people, check.queries) == (60, 240)
        assert check.error < 0.08
        for row in check.detections:
            assert row.found <= row.first
            assert row.alarms < 3 * row.stated
    assert cross_check(*draw(1, seed=2)) == {}


def draw_cameras(people: int, *, seed: int, blur: float = 2.0) -> tuple[npt.NDArray[Any], ...]:
    """Draw pictures of people by two visible and two infrared cameras, of which 2 and 4 see worse."""
    rng = np.random.default_rng(seed)
    identities = np.repeat(np.arange(people), 4)
    cameras = np.tile([1, 2, 3, 4], people)
    noise = np.where(cameras % 2 == 0, blur, 0.5)[:, None]
    vectors = rng.normal(size=(people, 24))[identities] + noise * rng.normal(size=(len(identities), 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), identities, (cameras > 2).astype(np.int64), cameras


def test_statistics_of_two_cameras_are_those_of_their_pictures_alone() -> None:
    vectors, identities, modalities, cameras = draw_cameras(40, seed=1)
    found = dict(camera_statistics(vectors, identities, modalities, cameras, people=40))
    assert len(found) == 12
    assert not dict(camera_statistics(vectors, identities, modalities, cameras, people=41))
    for pair, statistics in found.items():
        chosen = np.isin(cameras, [pair.query, pair.gallery])
        if pair.query_modality != pair.gallery_modality:
            alone = pair_statistics(*(column[chosen] for column in (vectors, identities, modalities, cameras)))
            expected = alone[Modality(pair.query_modality), Modality(pair.gallery_modality)]
            np.testing.assert_array_equal(statistics.same, expected.same)
            np.testing.assert_array_equal(np.sort(statistics.impostors), np.sort(expected.impostors))


def test_a_pair_of_cameras_with_enough_people_has_a_calibration_of_its_own() -> None:
    columns = draw_cameras(60, seed=2)
    names = {1: "door", 2: "yard", 3: "007", 4: "gate"}
    calibration = learn_calibration(*columns, model="81f0", data="drawn", camera_names=names)
    assert len(calibration.cameras) == 12
    assert calibration.covers(1, 0, cameras=("7", "door"))
    alone = [column[np.isin(columns[3], [1, 3])] for column in columns]
    expected = learn_calibration(*alone, model="", data="")
    at = np.linspace(-1, 1, 9)
    found = calibration.probability(at, INFRARED, VISIBLE, cameras=("7", "door"))
    np.testing.assert_allclose(found, expected.probability(at, INFRARED, VISIBLE), rtol=1e-9)
    assert calibration.threshold(0.01, 50, 1, 0, cameras=("007", "door")) == pytest.approx(
        expected.threshold(0.01, 50, 1, 0), abs=1e-4
    )
    # Whatever is not known falls back to the modalities.
    shared = calibration.probability(at, INFRARED, VISIBLE)
    assert not np.allclose(found, shared)
    for cameras in (("7", None), (None, "door"), ("7", "hall"), ("door", "7"), None):
        np.testing.assert_array_equal(calibration.probability(at, INFRARED, VISIBLE, cameras=cameras), shared)
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_too_few_people_in_both_cameras_have_that_of_their_modalities() -> None:
    columns = draw_cameras(ENOUGH_PEOPLE - 1, seed=2)
    assert not learn_calibration(*columns, model="", data="").cameras
    assert learn_calibration(*columns, model="", data="", enough=20).cameras
    assert not learn_calibration(*columns[:3], model="", data="", enough=20).cameras


def test_a_file_without_cameras_is_read() -> None:
    calibration = learn()
    record = json.loads(calibration.to_json())
    del record["cameras"]
    assert Calibration.from_json(json.dumps({**record, "version": 1})).pairs == calibration.pairs


def test_by_camera_probabilities_are_nearer_on_people_never_seen() -> None:
    calibration = learn_calibration(*draw_cameras(100, seed=3), model="", data="")
    check = check_calibration(calibration, *draw_cameras(100, seed=4))["infrared-visible"].cameras
    assert check is not None
    assert check.pairs == 4
    assert check.error < 0.05 < 0.08 < check.shared
    both = cross_check(*draw_cameras(100, seed=5))["infrared-visible"].cameras
    assert both is not None
    assert both.error < both.shared
