"""Distances against their definition."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.metrics.distances import cosine_distance, cosine_strips, unit_rows


def test_cosine_distance_is_one_minus_the_cosine() -> None:
    generator = np.random.default_rng(0)
    queries = generator.normal(size=(7, 5)).astype(np.float32)
    gallery = generator.normal(size=(9, 5)).astype(np.float32)
    expected = [[1 - q @ g / np.sqrt((q @ q) * (g @ g)) for g in gallery.astype(float)] for q in queries.astype(float)]
    np.testing.assert_allclose(cosine_distance(queries, gallery), expected, atol=1e-6)
    assert cosine_distance(queries, gallery).dtype == np.float32


def test_strips_cover_each_query_once_and_agree_with_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    descriptors = generator.normal(size=(90, 4)).astype(np.float32)
    queries, gallery = generator.permutation(90)[:40], np.sort(generator.permutation(90)[:50])
    whole = cosine_distance(descriptors[queries], descriptors[gallery])
    monkeypatch.setattr("mvd.metrics.distances._STRIP_ELEMENTS", 7 * 50)
    monkeypatch.setattr("mvd.metrics.distances._CHUNK_ELEMENTS", 4 * 9)
    strips = [(rows, distances.copy()) for rows, distances in cosine_strips(descriptors, queries, gallery)]
    assert [rows.stop - rows.start for rows, _ in strips] == [7] * 5 + [5]
    assert np.array_equal(np.concatenate([np.arange(40)[rows] for rows, _ in strips]), np.arange(40))
    np.testing.assert_allclose(np.concatenate([distances for _, distances in strips]), whole, atol=1e-6)


def test_rows_that_follow_each_other_give_what_scattered_ones_give() -> None:
    descriptors = np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32)
    together = next(cosine_strips(descriptors, np.arange(5), np.arange(10, 20)))[1]
    scattered = next(cosine_strips(np.repeat(descriptors, 2, axis=0), np.arange(0, 10, 2), np.arange(20, 40, 2)))[1]
    np.testing.assert_allclose(together, scattered, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_length_does_not_matter_however_small_or_large(scale: float) -> None:
    rows = np.array([[3, 4], [0, -2]], np.float32)
    expected = np.array([[0.6, 0.8], [0, -1]])
    np.testing.assert_allclose(unit_rows(rows * np.float32(scale)), expected, rtol=1e-6)


def test_a_zero_descriptor_is_at_distance_one_from_everything() -> None:
    assert cosine_distance(np.zeros((1, 3), np.float32), np.array([[1, 2, 3], [0, 0, 0]], np.float32)).tolist() == [
        [1, 1]
    ]
