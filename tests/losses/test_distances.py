"""Distances against slow float64 code, where rounding would hurt, and the hardest triplets against loops."""

from __future__ import annotations

import numpy as np
import torch

from mvd.losses.distances import hardest_triplets, pairwise_distances


def test_distances_are_euclidean() -> None:
    features = np.random.default_rng(0).normal(size=(6, 5))
    expected = np.array([[max(np.sqrt(((a - b) ** 2).sum()), 1e-6) for b in features] for a in features])
    found = pairwise_distances(torch.from_numpy(features), torch.eye(6, dtype=torch.bool))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_points_known_to_coincide_have_the_smallest_distance_and_no_slope() -> None:
    # Far from the origin in float32, the difference of squares leaves a distance of about 1 between equal points.
    features = (1000 + torch.randn(6, 64, generator=torch.Generator().manual_seed(0))).requires_grad_()
    distances = pairwise_distances(features, torch.eye(6, dtype=torch.bool))
    own = distances.diagonal()
    torch.testing.assert_close(own, torch.full((6,), 1e-6), rtol=1e-6, atol=0)
    (gradient,) = torch.autograd.grad(own.sum(), features)
    assert torch.all(gradient == 0)


def test_each_anchor_takes_its_furthest_positive_and_nearest_negative() -> None:
    random = np.random.default_rng(1)
    distances, labels = random.uniform(0, 2, size=(9, 9)), random.integers(0, 3, 9)
    expected = [
        max(
            0.0,
            0.5
            + max(d for d, label in zip(row, labels, strict=True) if label == own)
            - min(d for d, label in zip(row, labels, strict=True) if label != own),
        )
        for row, own in zip(distances, labels, strict=True)
    ]
    found = hardest_triplets(torch.from_numpy(distances), torch.from_numpy(labels), margin=0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
