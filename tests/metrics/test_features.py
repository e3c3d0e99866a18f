"""Features accept what can be ranked, and name the first picture that cannot."""

from __future__ import annotations

import numpy as np
import pytest

from mvd.data.samples import Samples
from mvd.errors import ProtocolError
from mvd.metrics.features import Features

SAMPLES = Samples(
    paths=np.array(["a.jpg", "b.jpg", "c.jpg"]),
    identities=np.array([1, 1, 2]),
    cameras=np.array([1, 3, 1]),
    modalities=np.array([0, 1, 0]),
)


def test_descriptors_become_read_only_float32_and_the_callers_array_stays_writable() -> None:
    own = np.ones((3, 2), np.float32)
    features = Features(descriptors=own, samples=SAMPLES)
    assert features.descriptors.dtype == np.float32
    assert len(features) == 3
    with pytest.raises(ValueError, match="read-only"):
        features.descriptors[0, 0] = 2
    own[0, 0] = 2


def test_take_keeps_descriptors_with_their_pictures() -> None:
    taken = Features(descriptors=np.array([[1], [2], [3]], np.float32), samples=SAMPLES).take([2, 0])
    assert taken.descriptors.ravel().tolist() == [3, 1]
    assert taken.samples.paths.tolist() == ["c.jpg", "a.jpg"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_descriptor_that_is_not_finite_names_the_first_picture(value: float) -> None:
    descriptors = np.zeros((3, 2), np.float32)
    descriptors[1:, 1] = value
    with pytest.raises(ProtocolError, match=r"^b\.jpg: .*2 of 3 pictures"):
        Features(descriptors=descriptors, samples=SAMPLES)


@pytest.mark.parametrize("shape", [(2, 4), (4, 4), (3,), (3, 4, 1), (3, 0)])
def test_a_shape_that_is_not_one_row_a_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolError, match=r"expected descriptors of shape \(3, D\)"):
        Features(descriptors=np.zeros(shape, np.float32), samples=SAMPLES)
