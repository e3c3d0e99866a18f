"""Numbers for names: values where all are numbers, places where not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mvd.data.layouts.naming import number_names


def test_numbers_keep_their_value() -> None:
    assert number_names(["0017", "17", "0", "4"], smallest=0) == {"0017": 17, "17": 17, "0": 0, "4": 4}


def test_one_name_that_is_no_number_makes_all_of_them_names() -> None:
    assert number_names(["10", "9", "anna"], smallest=0) == {"10": 1, "9": 2, "anna": 3}
    for odd in ("-1", "1.5", "٣", "²", "9" * 19, ""):
        numbers = number_names(["7", odd], smallest=0)
        assert sorted(numbers.values()) == [1, 2]


def test_a_number_below_the_smallest_is_a_name() -> None:
    assert number_names(["0", "5"], smallest=1) == {"0": 1, "5": 2}


def test_accents_may_be_encoded_in_either_way() -> None:
    composed, decomposed = "J\u00fcrgen", "Ju\u0308rgen"
    assert number_names([composed, decomposed, "Anna"], smallest=0) == {"Anna": 1, composed: 2, decomposed: 2}


@given(st.lists(st.text(max_size=3), max_size=8))
def test_numbers_depend_on_the_set_of_names_alone_and_fit_into_a_table(names: list[str]) -> None:
    numbers = number_names(names, smallest=0)
    assert set(numbers) == set(names)
    assert number_names(names[::-1] * 2, smallest=0) == numbers
    assert all(0 <= number < 2**63 for number in numbers.values())
