"""A whole evaluation: the official protocol's values on the goldens, and the summary that is reported."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from mvd.data.samples import Modality, Row, Samples, from_rows
from mvd.errors import ProtocolError
from mvd.metrics.cmc import Counting, Exclusion, Labels, score
from mvd.metrics.features import Features
from mvd.metrics.galleries import draw_gallery, query_rows
from mvd.metrics.protocols import sysu_protocol, validation_protocol
from mvd.metrics.scores import Scores, evaluate, join_trials

if TYPE_CHECKING:
    from metrics.conftest import Sysu


@pytest.mark.parametrize("search", ["all", "indoor"])
@pytest.mark.parametrize("shots", [1, 10])
def test_the_official_code_gives_the_same_figures(
    sysu: Sysu, search: Literal["all", "indoor"], shots: Literal[1, 10]
) -> None:
    protocol = sysu_protocol(search, "official", shots)
    queries = query_rows(protocol, sysu.samples)
    case = f"{search}_{shots}shot"
    for trial in range(10 if shots == 1 else 3):
        gallery = draw_gallery(protocol, sysu.samples, trial, sysu.permutations)
        found = score(
            cdist(sysu.descriptors[queries], sysu.descriptors[gallery]),
            Labels.of(sysu.samples.take(queries)),
            Labels.of(sysu.samples.take(gallery)),
            exclusion=Exclusion.SAME_ROOM,
            counting=Counting.PEOPLE,
        )
        assert (found.valid + found.skipped, len(gallery), found.valid) == tuple(sysu.expected[f"{case}_num"])
        np.testing.assert_allclose(found.cmc, sysu.expected[f"{case}_cmc"][trial, :20], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.cmc, sysu.expected[f"{case}_agw_cmc20"][trial], rtol=0, atol=1e-6)
        assert found.mAP == pytest.approx(sysu.expected[f"{case}_mAP"][trial], rel=0, abs=1e-12)
        assert found.mINP == pytest.approx(sysu.expected[f"{case}_agw_mINP"][trial], rel=0, abs=1e-12)


@pytest.mark.parametrize(
    ("search", "shots", "valid", "gallery"),
    [("all", 1, 3803, 301), ("all", 10, 3803, 3010), ("indoor", 1, 2208, 112), ("indoor", 10, 2208, 1120)],
)
def test_evaluate_counts_queries_gallery_and_people_as_published(
    sysu: Sysu, search: Literal["all", "indoor"], shots: Literal[1, 10], valid: int, gallery: int
) -> None:
    features = Features(descriptors=sysu.descriptors.astype(np.float32), samples=sysu.samples)
    result = evaluate(features, sysu_protocol(search, "official", shots), sysu.permutations)
    assert (result.queries, result.valid_queries, result.gallery, result.people) == (3803, valid, gallery, 96)
    assert (result.trials, result.cmc.shape) == (10, (10, 20))


def _people(count: int, pictures: int = 3) -> Samples:
    """Make a table of `count` people seen `pictures` times by each of the six cameras."""
    rows = [(i, c, n) for i in range(1, count + 1) for c in range(1, 7) for n in range(1, pictures + 1)]
    cameras = np.array([c for _, c, _ in rows])
    return Samples(
        paths=np.array([f"cam{c}/{i:04d}/{n:04d}.jpg" for i, c, n in rows]),
        identities=np.array([i for i, _, _ in rows]),
        cameras=cameras,
        modalities=np.where(np.isin(cameras, (3, 6)), Modality.INFRARED, Modality.VISIBLE),
    )


def test_evaluate_is_score_on_cosine_distance_trial_by_trial() -> None:
    samples = _people(50)
    descriptors = np.random.default_rng(0).normal(size=(len(samples), 6)).astype(np.float32)
    descriptors += np.eye(50, 6, dtype=np.float32)[samples.identities - 1]
    protocol = validation_protocol()
    shuffle = np.random.default_rng(1).permutation(len(samples))
    result = evaluate(Features(descriptors=descriptors, samples=samples).take(shuffle), protocol)
    assert result.protocol == protocol.name
    exact = descriptors.astype(np.float64)
    queries = query_rows(protocol, samples)
    for trial in range(10):
        gallery = draw_gallery(protocol, samples, trial)
        expected = score(
            cdist(exact[queries], exact[gallery], "cosine"),
            Labels.of(samples.take(queries)),
            Labels.of(samples.take(gallery)),
            exclusion=protocol.exclusion,
            counting=protocol.counting,
        )
        np.testing.assert_allclose(result.cmc[trial], expected.cmc, atol=1e-12)
        assert (result.mAP[trial], result.mINP[trial]) == pytest.approx((expected.mAP, expected.mINP), abs=1e-12)


def test_perfect_descriptors_score_one_and_few_people_shorten_cmc() -> None:
    samples = _people(7)
    result = evaluate(
        Features(descriptors=np.eye(8, dtype=np.float32)[samples.identities], samples=samples), validation_protocol()
    )
    assert result.cmc.shape == (10, 7)
    assert set(result.mean) == {1.0}
    assert set(result.std) == {0.0}


def test_people_without_a_gallery_picture_are_an_error() -> None:
    samples = _people(2)
    apart = (samples.identities == 1) == (samples.modalities == Modality.INFRARED)
    features = Features(descriptors=np.ones((int(apart.sum()), 3), np.float32), samples=samples.take(apart))
    with pytest.raises(ProtocolError, match="whose person is in the gallery, found none among 6"):
        evaluate(features, validation_protocol())


def test_summary_is_mean_and_population_deviation_over_trials() -> None:
    cmc = np.stack([np.linspace(0.1, 0.9, 20), np.linspace(0.3, 1.0, 20)])
    result = _result(cmc)
    assert result.mean == pytest.approx((0.2, cmc[:, 4].mean(), cmc[:, 9].mean(), 0.95, 0.5, 0.35))
    assert result.std == pytest.approx((0.1, cmc[:, 4].std(), cmc[:, 9].std(), 0.05, 0.1, 0.05))
    assert result.mean.rank_1 == pytest.approx(0.2)
    assert result.rank(2).tolist() == cmc[:, 1].tolist()


def test_a_rank_beyond_the_last_is_the_last() -> None:
    result = _result(np.array([[0.25, 1.0], [0.5, 1.0]]))
    assert result.rank(20).tolist() == [1, 1]
    assert result.mean.rank_5 == 1


def test_to_dict_survives_json_with_shares_not_percentages() -> None:
    found = json.loads(json.dumps(_result(np.array([[0.25, 1.0], [0.5, 1.0]])).to_dict()))
    assert found["mean"] == pytest.approx(
        {"rank_1": 0.375, "rank_5": 1, "rank_10": 1, "rank_20": 1, "mAP": 0.5, "mINP": 0.35}
    )
    assert found["trials"]["cmc"] == [[0.25, 1.0], [0.5, 1.0]]
    assert (found["protocol"], found["queries"], found["valid_queries"]) == ("sysu/some", 10, 8)
    assert (found["gallery"], found["people"]) == (5, 4)


def test_trials_of_regdb_are_joined_in_order() -> None:
    one, two, three = (
        replace(
            _result(np.full((1, 20), trial / 10)),
            protocol=f"regdb/thermal-to-visible/trial-{trial}",
            mAP=np.array([trial / 10]),
        )
        for trial in (1, 2, 4)
    )
    joined = join_trials([two, one])
    assert joined.protocol == "regdb/thermal-to-visible/trials-1-2"
    assert (joined.mAP.tolist(), joined.trials) == ([0.1, 0.2], 2)
    assert joined.mean.rank_1 == pytest.approx(0.15)
    assert join_trials([three, one]).protocol == "regdb/thermal-to-visible/trials-1,4"
    for wrong in (
        [one, one],
        [one, replace(two, protocol="regdb/visible-to-thermal/trial-2")],
        [one, replace(two, gallery=7)],
    ):
        with pytest.raises(ProtocolError, match="expected different trials of one direction of RegDB"):
            join_trials(wrong)
    with pytest.raises(ProtocolError, match="found one of sysu/some"):
        join_trials([_result(np.full((1, 20), 0.5))])


def _result(cmc: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Scores:
    return Scores(
        protocol="sysu/some",
        ranking="cosine",
        queries=10,
        valid_queries=8,
        gallery=5,
        people=4,
        cmc=cmc,
        mAP=np.array([0.4, 0.6]),
        mINP=np.array([0.3, 0.4]),
    )


def test_strips_without_a_query_of_a_trial_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transposed, every trial draws other queries: a strip may hold none of one trial."""
    rows = [
        Row(f"{modality.name}/{person}-{camera}-{number}.jpg", person, camera, modality)
        for modality in Modality
        for person in range(1, 6)
        for camera in (1, 2)
        for number in range(4)
    ]
    descriptors = np.random.default_rng(0).normal(size=(len(rows), 8)).astype(np.float32)
    features = Features(descriptors=descriptors, samples=from_rows(rows))
    whole = evaluate(features, "llcm/visible-to-infrared/seeded/transposed-as-released")
    monkeypatch.setattr("mvd.metrics.distances._STRIP_ELEMENTS", 40)  # a query a strip
    assert evaluate(features, "llcm/visible-to-infrared/seeded/transposed-as-released").mean == whole.mean
