"""What stands behind figures, against slow obvious code."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.data.samples import JUNK, Modality, Row, from_rows
from mvd.metrics import Features, evaluate
from mvd.metrics.explain import confusions, group_figures, outcomes, pick_retrievals, similarity_histograms
from mvd.metrics.rankings import rank


@pytest.fixture(scope="module")
def features() -> Features:
    """Nine people, three pictures by each of four cameras: two visible, two infrared."""
    rng = np.random.default_rng(0)
    rows = [
        Row(f"{person}-{camera}-{number}.jpg", person, camera, Modality(camera > 2))
        for person in range(1, 10)
        for camera in (1, 2, 3, 4)
        for number in range(3)
    ]
    centres = rng.normal(size=(10, 6))
    descriptors = np.array([centres[row.identity] for row in rows]) + 1.2 * rng.normal(size=(len(rows), 6))
    return Features(descriptors=descriptors.astype(np.float32), samples=from_rows(rows))


def test_outcomes_give_the_figures_of_the_protocol(features: Features) -> None:
    protocol = "own/infrared-to-visible/other-cameras"
    found = outcomes(rank(features, protocol)[0], features.samples)
    scores = evaluate(features, protocol)
    assert (found.first_match == 1).mean() == pytest.approx(scores.mean.rank_1)
    right = features.samples.identities[found.found] == features.samples.identities[found.queries]
    assert (right == (found.first_match == 1)).all()


def test_queries_are_picked_by_how_far_behind_their_match_is(features: Features) -> None:
    lists = rank(features, "own/infrared-to-visible")[0]
    found = outcomes(lists, features.samples)
    picked = pick_retrievals(lists, features.samples, each=3, nearest=5)
    assert [one.kind for one in picked] == ["best"] * 3 + ["worst"] * 3 + ["random"] * 3
    assert [one.first_match for one in picked[:3]] == [1, 1, 1]
    assert picked[3].first_match == found.first_match.max() > 1
    vectors = features.descriptors / np.linalg.norm(features.descriptors, axis=1, keepdims=True)
    gallery = np.flatnonzero(features.samples.modalities == Modality.VISIBLE)
    for one in picked:
        similarities = vectors[gallery] @ vectors[one.query]
        assert [near.row for near in one.nearest] == gallery[np.argsort(-similarities)[:5]].tolist()
        assert [near.similarity for near in one.nearest] == pytest.approx(
            sorted(similarities, reverse=True)[:5], abs=1e-5
        )
        people = features.samples.identities
        assert [near.match for near in one.nearest] == [people[near.row] == people[one.query] for near in one.nearest]
    for kind in ("best", "worst", "random"):
        people_shown = [int(features.samples.identities[one.query]) for one in picked if one.kind == kind]
        assert len(set(people_shown)) == 3


def test_groups_and_confusions_count_every_query_once(features: Features) -> None:
    lists = rank(features, "own/infrared-to-visible")[0]
    found = outcomes(lists, features.samples)
    groups = group_figures(lists, features.samples)
    of_queries = [group for group in groups if group.name.startswith("queries")]
    assert [group.name for group in of_queries] == ["queries of camera 3", "queries of camera 4"]
    assert sum(group.queries for group in of_queries) == 54
    assert groups[0] == ("infrared queries in the visible gallery", 54, (found.first_match == 1).mean())
    cameras = features.samples.cameras[found.queries]
    assert of_queries[0].rank_1 == pytest.approx((found.first_match[cameras == 3] == 1).mean())
    wrong = confusions(lists, features.samples, count=1000)
    assert sum(one.times for one in wrong) == (found.first_match > 1).sum() > 0
    assert all(one.query != one.found for one in wrong)
    assert [one.times for one in wrong] == sorted((one.times for one in wrong), reverse=True)


def test_histograms_count_each_pair_of_pictures_once(features: Features) -> None:
    people, modalities = features.samples.identities, features.samples.modalities
    vectors = features.descriptors / np.linalg.norm(features.descriptors, axis=1, keepdims=True)
    found = {(one.pair, one.same): one for one in similarity_histograms(features)}
    assert len(found) == 6
    for (pair, same), one in found.items():
        values = []
        for i in range(len(people)):
            for j in range(i):
                kinds = {int(modalities[i]), int(modalities[j])}
                wanted = {Modality[word.upper()] for word in pair.split("-")}
                if kinds == wanted and (people[i] == people[j]) == same:
                    values.append(float(vectors[i] @ vectors[j]))
        assert one.pairs == len(values)
        assert one.shares.sum() == pytest.approx(1)
        centres = (one.edges[:-1] + one.edges[1:]) / 2
        assert (centres * one.shares).sum() == pytest.approx(np.mean(values), abs=0.02)


def test_junk_is_in_no_distribution() -> None:
    rows = [Row(f"{i}.jpg", person, 1, Modality.VISIBLE) for i, person in enumerate((1, 1, 2, JUNK, JUNK))]
    features = Features(descriptors=np.eye(5, dtype=np.float32), samples=from_rows(rows))
    assert sum(one.pairs for one in similarity_histograms(features)) == 3


def test_a_descriptor_of_zeros_has_similarity_zero() -> None:
    rows = [
        Row(f"{modality.name}-{person}.jpg", person, modality + 1, modality)
        for modality in Modality
        for person in (1, 2)
    ]
    features = Features(descriptors=np.array([[0, 0], [0, 1], [1, 0], [0, 1]], np.float32), samples=from_rows(rows))
    assert [one.shares.sum() for one in similarity_histograms(features)] == pytest.approx([1.0] * 4)
