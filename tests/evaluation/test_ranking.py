"""Distances against their definition; the places of matches are tested through the metrics."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.evaluation.ranking import cosine_blocks, cosine_distance, group_people, unit_rows


def test_cosine_distance_is_one_minus_the_cosine() -> None:
    generator = np.random.default_rng(0)
    queries = generator.normal(size=(7, 5)).astype(np.float32)
    gallery = generator.normal(size=(9, 5)).astype(np.float32)
    expected = [[1 - q @ g / np.sqrt((q @ q) * (g @ g)) for g in gallery.astype(float)] for q in queries.astype(float)]
    np.testing.assert_allclose(cosine_distance(queries, gallery), expected, atol=1e-6)
    assert cosine_distance(queries, gallery).dtype == np.float32


def test_blocks_cover_each_query_once_and_agree_with_the_whole() -> None:
    generator = np.random.default_rng(1)
    queries = generator.normal(size=(600, 4)).astype(np.float32)
    gallery = generator.normal(size=(3000, 4)).astype(np.float32)
    blocks = list(cosine_blocks(queries, gallery))
    assert len(blocks) > 1
    assert np.array_equal(np.concatenate([np.arange(600)[rows] for rows, _ in blocks]), np.arange(600))
    stacked = np.concatenate([distances for _, distances in blocks])
    assert np.array_equal(stacked, cosine_distance(queries, gallery))


@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_length_does_not_matter_however_small_or_large(scale: float) -> None:
    rows = np.array([[3, 4], [0, -2]], np.float32)
    expected = np.array([[0.6, 0.8], [0, -1]])
    np.testing.assert_allclose(unit_rows(rows * np.float32(scale)), expected, rtol=1e-6)


def test_a_zero_descriptor_is_at_distance_one_from_everything() -> None:
    assert cosine_distance(np.zeros((1, 3), np.float32), np.array([[1, 2, 3], [0, 0, 0]], np.float32)).tolist() == [
        [1, 1]
    ]


def test_layers_hold_each_picture_once_and_the_people_of_a_layer_lead_the_one_above() -> None:
    identities = np.array([5, 2, 9, 2, 5, 2, 9, 7])
    people = group_people(identities)
    assert sorted(np.concatenate(people.layers).tolist()) == list(range(8))
    assert [identities[layer].tolist() for layer in people.layers] == [[2, 5, 9, 7], [2, 5, 9], [2]]
