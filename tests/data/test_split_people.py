"""Dealing people: shares, seeds, and only those who are seen in both modalities."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvd.data.samples import Modality, Row, Samples, from_rows
from mvd.data.split import split_people
from mvd.errors import ConfigError


def _people(both: int, visible: int = 0) -> Samples:
    rows = [Row(f"{i}-{m}.jpg", i, 0, m) for i in range(1, both + 1) for m in Modality]
    return from_rows([*rows, *(Row(f"{i}.jpg", i, 0, Modality.VISIBLE) for i in range(both + 1, both + visible + 1))])


@given(st.integers(0, 40), st.integers(0, 5), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32))
def test_everybody_seen_in_both_modalities_is_in_one_split(
    both: int, visible: int, train: float, rest: float, seed: int
) -> None:
    validation = (1 - train) * rest
    splits = split_people(_people(both, visible), train, validation, seed)
    assert list(splits) == ["train", "validation", "test"]
    assert sorted(chain(*splits.values())) == list(range(1, both + 1))
    assert all(people == sorted(people) for people in splits.values())
    assert abs(len(splits["train"]) - train * both) <= 0.5 + 1e-9
    assert abs(len(splits["validation"]) - validation * both) <= 1 + 1e-9


def test_the_seed_alone_decides() -> None:
    table = _people(20)
    deals = [split_people(table, 0.5, 0.1, seed) for seed in (0, 0, 1)]
    assert deals[0] == deals[1] != deals[2]
    assert split_people(table.take(np.arange(40)[::-1]), 0.5, 0.1, 0) == deals[0]
    assert [len(people) for people in deals[0].values()] == [10, 2, 8]


@pytest.mark.parametrize(("train", "validation"), [(-0.1, 0.5), (0.5, -0.1), (0.8, 0.3), (float("nan"), 0.1)])
def test_shares_out_of_range_are_refused(train: float, validation: float) -> None:
    with pytest.raises(ConfigError, match=f"found {train} for train and {validation} for validation"):
        split_people(_people(4), train, validation, 0)
