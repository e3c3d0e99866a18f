"""Projections: against the singular value decomposition, by either of the two products, whitened or not."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.errors import ProtocolError
from mvd.metrics.distances import unit_rows
from mvd.metrics.projection import learn_projection


@pytest.mark.parametrize(("count", "wide"), [(60, 12), (20, 48)])
@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_components_are_those_of_the_singular_value_decomposition(count: int, wide: int, whitening: float) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(count, wide)) * np.linspace(2, 0.5, wide)).astype(np.float32)
    projection = learn_projection(rows, 5, whitening=whitening)
    units = unit_rows(rows).astype(np.float64)
    _, values, axes = np.linalg.svd(units - units.mean(axis=0), full_matrices=False)
    expected = ((units - units.mean(axis=0)) @ axes[:5].T) * (values[:5] / values[0]) ** -whitening
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = projection(7 * rows)  # lengths do not count
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)
    assert projection.kept == pytest.approx((values[:5] ** 2).sum() / (values**2).sum(), rel=1e-5)
    assert projection.width == 5


def test_without_whitening_or_centring_all_directions_keep_every_similarity() -> None:
    rows = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    projection = learn_projection(rows, 6, whitening=0.0, centred=False)
    units = unit_rows(rows)
    np.testing.assert_allclose(projection(rows) @ projection(rows).T, units @ units.T, atol=1e-5)


@pytest.mark.parametrize("width", [0, 20, 49])
def test_a_width_that_does_not_fit_is_one_line(width: int) -> None:
    with pytest.raises(ProtocolError, match="width: expected less than the 20 training pictures and at most"):
        learn_projection(np.eye(20, 48, dtype=np.float32), width)


def test_equal_pictures_leave_fewer_directions_than_asked_for() -> None:
    """With every picture twice, half of the directions have no variance: no axis is infinite, no embedding zero."""
    rng = np.random.default_rng(0)
    once = rng.normal(size=(30, 128)).astype(np.float32)
    projection = learn_projection(np.tile(once, (2, 1)), 55)
    assert projection.width == 55
    assert np.isfinite(projection.matrix).all()
    assert projection.kept == pytest.approx(1)
    units = once / np.linalg.norm(once, axis=1, keepdims=True)
    centred = units - units.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    found = projection(once)
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=1e-5)


@pytest.mark.parametrize(("count", "width"), [(20, 64), (64, 20)])
def test_embeddings_that_are_all_the_same_are_refused(count: int, width: int) -> None:
    row = np.random.default_rng(0).normal(size=(1, width)).astype(np.float32)
    with pytest.raises(ProtocolError, match="expected embeddings that differ"):
        learn_projection(np.repeat(row, count, axis=0), 4)
