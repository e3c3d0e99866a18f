"""CMC, mAP and mINP against the reference implementations' values, a slow loop, and what must hold of any figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvd.errors import ProtocolError
from mvd.metrics.cmc import (
    Counting,
    Exclusion,
    Gallery,
    Labels,
    TrialScores,
    score,
    score_queries,
    summarise,
)

with np.load(Path(__file__).parents[1] / "goldens" / "eval_cases.npz") as file:
    GOLDEN = dict(file)

RULES = {
    "sysu": (Exclusion.SAME_ROOM, Counting.PEOPLE),
    "official": (Exclusion.SAME_ROOM, Counting.PEOPLE),
    "regdb": (Exclusion.NOTHING, Counting.PICTURES),
    "llcm": (Exclusion.SAME_IDENTITY_AND_CAMERA, Counting.PEOPLE),
}
STORED = [(case, rule) for case in GOLDEN["cases"].tolist() for rule in RULES if f"{case}/{rule}_cmc" in GOLDEN]


class Case(NamedTuple):
    distances: npt.NDArray[Any]
    queries: Labels
    gallery: Labels


def _score(case: Case, exclusion: Exclusion, counting: Counting) -> TrialScores:
    return score(case.distances, case.queries, case.gallery, exclusion=exclusion, counting=counting)


def _slow(case: Case, exclusion: Exclusion, counting: Counting) -> tuple[list[float], float, float, int]:
    """Rank one query at a time, as the definitions read."""
    hits, precisions, penalties = [], [], []
    for row, person, camera in zip(case.distances, *case.queries, strict=True):
        ranking = []
        for j in sorted(range(len(row)), key=lambda j: (row[j], j)):
            of_room = exclusion is Exclusion.SAME_ROOM and camera == 3 and case.gallery.cameras[j] == 2
            of_camera = exclusion is Exclusion.SAME_IDENTITY_AND_CAMERA and camera == case.gallery.cameras[j]
            if not of_room and not (of_camera and person == case.gallery.identities[j]):
                ranking.append(case.gallery.identities[j])
        places = [place for place, other in enumerate(ranking, start=1) if other == person]
        if places:
            before = ranking[: places[0] - 1]
            hits.append(len(set(before)) if counting is Counting.PEOPLE else len(before))
            precisions.append(np.mean([k / place for k, place in enumerate(places, start=1)]))
            penalties.append(len(places) / places[-1])
    counted = set(case.gallery.identities.tolist()) if counting is Counting.PEOPLE else case.gallery.identities
    cmc = [float(np.mean([hit <= rank for hit in hits])) for rank in range(min(20, len(counted)))]
    return cmc, float(np.mean(precisions)), float(np.mean(penalties)), len(hits)


@st.composite
def cases(draw: st.DrawFn, *, ties: bool = True) -> Case:
    """Draw few people, so that matches are many, and (with ties) few distances; query 0 always has a match."""
    Q, G = draw(st.integers(1, 6)), draw(st.integers(1, 30))
    seed = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = draw(st.integers(1, 25))
    queries = Labels(seed.integers(1, people + 1, Q), seed.choice([3, 6], Q))
    gallery = Labels(seed.integers(1, people + 1, G), seed.choice([1, 2, 3], G))
    gallery.identities[-1], gallery.cameras[-1] = queries.identities[0], 1
    levels = draw(st.integers(1, 8))
    distances = seed.integers(0, levels, (Q, G)) / 8 if ties else seed.permuted(np.arange(Q * G) / 8).reshape(Q, G)
    return Case(distances.astype(draw(st.sampled_from([np.float16, np.float32, np.float64]))), queries, gallery)


rules = st.sampled_from(sorted(set(RULES.values()), key=str))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "rule"), STORED)
def test_reference_implementations(name: str, rule: str, dtype: type) -> None:
    field = {key: GOLDEN[f"{name}/{key}"] for key in ("dist", "q_pids", "q_cams", "g_pids", "g_cams")}
    case = Case(
        field["dist"].astype(dtype), Labels(field["q_pids"], field["q_cams"]), Labels(field["g_pids"], field["g_cams"])
    )
    found = _score(case, *RULES[rule])
    expected_cmc = GOLDEN[f"{name}/{rule}_cmc"][:20]
    assert found.cmc.shape == expected_cmc.shape
    np.testing.assert_allclose(found.cmc, expected_cmc, rtol=0, atol=1e-6)
    assert found.mAP == pytest.approx(GOLDEN[f"{name}/{rule}_mAP"].item(), rel=0, abs=1e-12)
    if rule == "official":
        assert found.valid == GOLDEN[f"{name}/official_valid"]
        assert found.valid + found.skipped == len(case.queries.identities)
    else:
        assert found.mINP == pytest.approx(GOLDEN[f"{name}/{rule}_mINP"].item(), rel=0, abs=1e-12)


def test_every_golden_case_is_checked_and_the_ragged_one_is_scored() -> None:
    assert {case for case, _ in STORED} == set(GOLDEN["cases"].tolist())
    assert ("cam2_only_ragged", "official") in STORED
    assert GOLDEN["cam2_only_ragged/sysu_raises"] == 1


@settings(deadline=None)
@given(cases(), rules)
def test_slow_loop(case: Case, rule: tuple[Exclusion, Counting]) -> None:
    given_distances = case.distances.copy()
    cmc, mAP, mINP, valid = _slow(case, *rule)
    found = _score(case, *rule)
    np.testing.assert_allclose(found.cmc, cmc, atol=1e-12)
    assert (found.mAP, found.mINP) == pytest.approx((mAP, mINP), abs=1e-12)
    assert found.valid == valid
    assert np.array_equal(case.distances, given_distances)


@pytest.mark.parametrize("rule", sorted(set(RULES.values()), key=str))
def test_slow_loop_over_several_blocks_with_ties_in_some_rows(rule: tuple[Exclusion, Counting]) -> None:
    generator = np.random.default_rng(5)
    distances = generator.random((300, 4000)).astype(np.float32)  # 262 rows a block
    distances[::7] = np.round(distances[::7], 2)
    queries = Labels(generator.integers(1, 90, 300), generator.choice([3, 6], 300))
    case = Case(distances, queries, Labels(generator.integers(1, 80, 4000), generator.choice([1, 2, 3], 4000)))
    cmc, mAP, mINP, valid = _slow(case, *rule)
    found = _score(case, *rule)
    np.testing.assert_allclose(found.cmc, cmc, atol=1e-12)
    assert (found.mAP, found.mINP, found.valid) == pytest.approx((mAP, mINP, valid), abs=1e-12)


@settings(deadline=None)
@given(cases(), rules)
def test_cmc_never_falls_and_all_is_found_at_the_end(case: Case, rule: tuple[Exclusion, Counting]) -> None:
    found = _score(case, *rule)
    assert (np.diff(found.cmc) >= 0).all()
    assert ((found.cmc >= 0) & (found.cmc <= 1)).all()
    if len(found.cmc) < 20:
        assert found.cmc[-1] == 1
    assert 0 < found.mINP <= 1
    assert 0 < found.mAP <= 1


@settings(deadline=None)
@given(cases(), rules, st.randoms(use_true_random=False))
def test_order_of_queries_does_not_matter(case: Case, rule: tuple[Exclusion, Counting], order: Any) -> None:
    rows = np.array(order.sample(range(len(case.distances)), len(case.distances)))
    queries = Labels(case.queries.identities[rows], case.queries.cameras[rows])
    _assert_same(_score(Case(case.distances[rows], queries, case.gallery), *rule), _score(case, *rule))


@settings(deadline=None)
@given(cases(ties=False), rules, st.randoms(use_true_random=False))
def test_order_of_the_gallery_does_not_matter_without_ties(
    case: Case, rule: tuple[Exclusion, Counting], order: Any
) -> None:
    columns = np.array(order.sample(range(case.distances.shape[1]), case.distances.shape[1]))
    gallery = Labels(case.gallery.identities[columns], case.gallery.cameras[columns])
    _assert_same(_score(Case(case.distances[:, columns], case.queries, gallery), *rule), _score(case, *rule))


@settings(deadline=None)
@given(cases(), rules, st.randoms(use_true_random=False))
def test_names_of_people_do_not_matter(case: Case, rule: tuple[Exclusion, Counting], order: Any) -> None:
    names = np.array(order.sample(range(1000), 26))
    queries = case.queries._replace(identities=names[case.queries.identities])
    gallery = case.gallery._replace(identities=names[case.gallery.identities])
    _assert_same(_score(Case(case.distances, queries, gallery), *rule), _score(case, *rule))


@pytest.mark.parametrize("counting", list(Counting))
def test_perfect_and_worst_rankings(counting: Counting) -> None:
    people = np.repeat(np.arange(10), 4)
    labels = Labels(people, np.ones_like(people))
    differs = (people[:, None] != people).astype(float)
    perfect = _score(Case(differs, labels, labels), Exclusion.NOTHING, counting)
    assert (perfect.cmc.tolist(), perfect.mAP, perfect.mINP) == ([1] * len(perfect.cmc), 1, 1)
    worst = _score(Case(-differs, labels, labels), Exclusion.NOTHING, counting)
    assert worst.mINP == 4 / 40
    assert worst.mAP == pytest.approx(np.mean([1 / 37, 2 / 38, 3 / 39, 4 / 40]))
    assert worst.cmc.tolist() == ([0] * 9 + [1] if counting is Counting.PEOPLE else [0] * 20)


def test_a_tie_keeps_gallery_order() -> None:
    queries = Labels(np.array([1]), np.array([6]))
    rule = (Exclusion.NOTHING, Counting.PICTURES)
    behind = _score(Case(np.zeros((1, 2)), queries, Labels(np.array([2, 1]), np.array([1, 1]))), *rule)
    ahead = _score(Case(np.zeros((1, 2)), queries, Labels(np.array([1, 2]), np.array([1, 1]))), *rule)
    assert (behind.cmc.tolist(), behind.mAP) == ([0, 1], 0.5)
    assert (ahead.cmc.tolist(), ahead.mAP) == ([1, 1], 1)


def test_camera_3_alone_is_blind_to_camera_2() -> None:
    gallery = Labels(np.array([1, 2]), np.array([2, 1]))
    found = score_queries(
        np.array([[0.1, 0.2], [0.1, 0.2]]),
        Labels(np.array([1, 1]), np.array([3, 6])),
        Gallery.of(gallery),
        exclusion=Exclusion.SAME_ROOM,
        counting=Counting.PEOPLE,
    )
    assert found.first.tolist() == [-1, 0]
    assert np.isnan(found.average_precision).tolist() == [True, False]
    assert np.isnan(found.inverse_negative_penalty).tolist() == [True, False]


def test_parts_make_the_same_figures_as_the_whole() -> None:
    generator = np.random.default_rng(2)
    labels = Labels(generator.integers(0, 5, 12), np.ones(12, int))
    distances = generator.random((12, 12))
    whole = score(distances, labels, labels, exclusion=Exclusion.NOTHING, counting=Counting.PEOPLE)
    parts = [
        score_queries(
            distances[rows],
            Labels(labels.identities[rows], labels.cameras[rows]),
            Gallery.of(labels),
            exclusion=Exclusion.NOTHING,
            counting=Counting.PEOPLE,
        )
        for rows in (slice(0, 5), slice(5, 12))
    ]
    _assert_same(summarise(parts, ranks=len(whole.cmc)), whole)


def test_no_query_with_a_match_is_an_error() -> None:
    case = Case(np.zeros((2, 1)), Labels(np.array([1, 2]), np.array([3, 6])), Labels(np.array([3]), np.array([1])))
    with pytest.raises(ProtocolError, match="found none among 2"):
        _score(case, Exclusion.NOTHING, Counting.PEOPLE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_distance_that_is_not_finite_is_an_error(value: float) -> None:
    labels = Labels(np.array([1]), np.array([1]))
    with pytest.raises(ProtocolError, match="finite distances"):
        _score(Case(np.full((1, 1), value), labels, labels), Exclusion.NOTHING, Counting.PEOPLE)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3,), (0, 3)])
def test_distances_that_do_not_fit_the_labels_are_an_error(shape: tuple[int, ...]) -> None:
    labels = Labels(np.array([1, 2, 3]), np.array([1, 1, 1]))
    with pytest.raises(ProtocolError, match=r"of shape \(3, 3\) as the labels have it"):
        _score(Case(np.zeros(shape), labels, labels), Exclusion.NOTHING, Counting.PEOPLE)


def test_an_empty_gallery_and_missing_cameras_are_errors() -> None:
    labels, nobody = Labels(np.array([1]), np.array([1])), Labels(np.empty(0, int), np.empty(0, int))
    with pytest.raises(ProtocolError, match="at least one gallery picture"):
        _score(Case(np.zeros((1, 0)), labels, nobody), Exclusion.NOTHING, Counting.PEOPLE)
    with pytest.raises(ProtocolError, match="expected a camera for each of 1 queries"):
        _score(Case(np.zeros((1, 1)), Labels(labels.identities, nobody.cameras), labels), *RULES["llcm"])


def _assert_same(found: TrialScores, expected: TrialScores) -> None:
    np.testing.assert_allclose(found.cmc, expected.cmc, atol=1e-12)
    assert found[1:] == pytest.approx(expected[1:], abs=1e-12)
