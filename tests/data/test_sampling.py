"""Identity batches: pure in (seed, epoch), full, balanced, and without needless repetition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvd.data.sampling import EpochBatches, identity_batches, steps_per_epoch
from mvd.errors import DatasetError

VISIBLE = np.repeat(np.arange(7), [9, 4, 12, 1, 5, 6, 30])
INFRARED = np.repeat(np.arange(7), [4, 8, 2, 10, 4, 5, 3])


def deal(*, identities: int = 3, pictures: int = 4, steps: int = 20, seed: int = 0, epoch: int = 0) -> EpochBatches:
    return identity_batches(
        VISIBLE, INFRARED, identities=identities, pictures=pictures, steps=steps, seed=seed, epoch=epoch
    )


@given(
    identities=st.integers(2, 7), pictures=st.integers(1, 12), steps=st.integers(1, 30), seed=st.integers(0, 2**32 - 1)
)
def test_every_batch_has_p_distinct_identities_and_k_of_their_pictures(
    identities: int, pictures: int, steps: int, seed: int
) -> None:
    batches = deal(identities=identities, pictures=pictures, steps=steps, seed=seed)
    assert batches.labels.shape == (steps, identities * pictures)
    assert np.array_equal(VISIBLE[batches.visible], batches.labels)
    assert np.array_equal(INFRARED[batches.infrared], batches.labels)
    for labels in batches.labels:
        people, counts = np.unique(labels, return_counts=True)
        assert len(people) == identities
        assert set(counts) == {pictures}


@given(pictures=st.integers(1, 6), seed=st.integers(0, 1000))
def test_a_picture_is_repeated_in_a_batch_only_where_there_are_too_few(pictures: int, seed: int) -> None:
    batches = deal(pictures=pictures, seed=seed)
    for labels, rows in zip(batches.labels, batches.visible, strict=True):
        for label in np.unique(labels):
            available = int((label == VISIBLE).sum())
            assert len(np.unique(rows[labels == label])) == min(available, pictures)


def test_people_and_pictures_are_used_evenly_over_an_epoch() -> None:
    batches = deal(identities=7, pictures=2, steps=30)
    _, people = np.unique(batches.labels, return_counts=True)
    assert set(people) == {60}
    _, shown = np.unique(batches.visible[batches.labels == 6], return_counts=True)
    assert set(shown) == {2}  # 60 draws from 30 pictures: each exactly twice


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    assert all(np.array_equal(a, b) for a, b in zip(deal(seed=3, epoch=2), deal(seed=3, epoch=2), strict=True))
    assert not np.array_equal(deal(seed=3, epoch=2).visible, deal(seed=3, epoch=1).visible)
    assert not np.array_equal(deal(seed=3, epoch=2).visible, deal(seed=2, epoch=2).visible)


def test_too_few_people_are_counted_in_the_message() -> None:
    with pytest.raises(DatasetError, match="expected at least 8 identities to fill a batch, found 7"):
        deal(identities=8)


def test_a_class_of_one_modality_is_refused() -> None:
    with pytest.raises(DatasetError, match="found class 6 in one only"):
        identity_batches(VISIBLE, INFRARED[INFRARED < 6], identities=2, pictures=1, steps=1, seed=0, epoch=0)


def test_steps_show_the_larger_modality_once() -> None:
    assert steps_per_epoch(22258, 11909, identities=8, pictures=4) == 696
    assert steps_per_epoch(10, 32, identities=8, pictures=4) == 1


def test_the_batches_of_a_seed_are_those_of_every_version() -> None:
    """Two steps use up all six classes, so that a draw more or less would change the pictures."""
    visible, infrared = np.repeat(np.arange(6), 3), np.repeat(np.arange(6), 2)
    batches = identity_batches(visible, infrared, identities=3, pictures=2, steps=2, seed=5, epoch=1)
    assert batches.labels.tolist() == [[2, 2, 0, 0, 5, 5], [4, 4, 3, 3, 1, 1]]
    assert batches.visible.tolist() == [[6, 7, 1, 0, 17, 16], [12, 13, 9, 10, 3, 5]]
    assert batches.infrared.tolist() == [[4, 5, 1, 0, 11, 10], [8, 9, 6, 7, 3, 2]]
