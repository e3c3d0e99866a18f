"""Equal descriptors are at equal distances, so that ties keep the gallery's order whatever a product's blocks are."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.data.samples import Modality, Row, from_rows
from mvd.metrics.distances import cosine_distance, repeated_rows
from mvd.metrics.features import Features
from mvd.metrics.protocols import own_protocol
from mvd.metrics.rerank import Reranking, rerank_descriptors
from mvd.metrics.scores import evaluate


def test_three_equal_pictures_rank_in_the_order_of_the_gallery() -> None:
    v = np.random.default_rng(7).normal(size=64).astype(np.float32)
    rows = [Row(f"g/{person}.jpg", person, 1, Modality.VISIBLE) for person in (1, 2, 3)]
    rows.append(Row("q/2.jpg", 2, 2, Modality.INFRARED))
    features = Features(descriptors=np.stack([v] * 4), samples=from_rows(rows))
    assert evaluate(features, own_protocol("infrared-to-visible", cameras=False)).mean.mAP == 0.5


@pytest.mark.parametrize("width", [1, 3, 64, 257, 2048])
@pytest.mark.parametrize("count", [2, 7, 16, 33, 1000])
def test_equal_rows_tie_whatever_width_count_and_blocks(
    width: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(width * count)
    gallery = generator.normal(size=(count, width)).astype(np.float32)
    same = np.unique(np.append(generator.integers(0, count, count // 2), [0, count - 1]))
    gallery[same] = gallery[0]
    queries = generator.normal(size=(5, width)).astype(np.float32)
    for chunk in (4 * width, 1 << 22):
        monkeypatch.setattr("mvd.metrics.distances._CHUNK_ELEMENTS", chunk)
        distances = cosine_distance(queries, gallery)
        assert (distances[:, same] == distances[:, :1]).all()


def test_repeated_rows_are_the_later_ones_and_signs_of_zero_do_not_matter() -> None:
    rows = np.array([[1, 0], [0, 1], [1, -0.0], [2, 1], [1, 0], [0, 1]], np.float32)
    copies, originals = repeated_rows(rows, np.arange(6))
    assert (copies.tolist(), originals.tolist()) == ([2, 4, 5], [0, 0, 1])
    copies, originals = repeated_rows(rows, np.array([1, 4, 5]))
    assert (copies.tolist(), originals.tolist()) == ([2], [0])


def test_reranked_distances_of_equal_pictures_are_equal() -> None:
    generator = np.random.default_rng(3)
    queries = generator.normal(size=(9, 65)).astype(np.float32)
    gallery = generator.normal(size=(23, 65)).astype(np.float32)
    queries[8] = gallery[5] = gallery[22] = queries[0]  # among the queries, and between queries and gallery
    gallery[21] = gallery[1]
    distances = rerank_descriptors(queries, gallery, Reranking(k1=31, k2=1, weight=1))
    assert (distances[:, 22] == distances[:, 5]).all()
    assert (distances[:, 21] == distances[:, 1]).all()
    assert (distances[8] == distances[0]).all()
    assert distances[0, 5] == distances[0, 22] == 0
