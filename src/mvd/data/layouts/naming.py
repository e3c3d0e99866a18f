"""Assign numbers to the people and cameras of own pictures, whose names are arbitrary.

If all names are decimal numbers, their values are used, so 0017 and 17 are one person. Otherwise names are numbered
from 1 in sorted order. Names are compared in Unicode's normal form C, since file systems encode accents differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize

from mvd.data.samples import JUNK

_JUNK_NAMES = frozenset({"-1", "junk"})
_MOST_DIGITS = 18  # fit into 64 bits


def number_people(names: Iterable[str]) -> dict[str, int]:
    """Assign a number to each person, from 0, and `JUNK` to names of junk.

    Example:
        >>> number_people(["0017", "-1", "4"])
        {'0017': 17, '4': 4, '-1': -1}
    """
    given = sorted(set(names))
    junk = [name for name in given if is_junk(name)]
    return {**number_names(set(given).difference(junk), smallest=0), **dict.fromkeys(junk, JUNK)}


def is_junk(name: str) -> bool:
    """Return whether a name denotes junk."""
    return name.lower() in _JUNK_NAMES


def number_names(names: Iterable[str], *, smallest: int) -> dict[str, int]:
    """Assign a number to each name.

    Args:
        names: names in any order, possibly repeated.
        smallest: the smallest allowed value of names that are numbers.

    Returns:
        Name, as given → number.

    Example:
        >>> number_names(["0017", "4"], smallest=0)
        {'0017': 17, '4': 4}
        >>> number_names(["eve", "17"], smallest=0)
        {'17': 1, 'eve': 2}
    """
    given = sorted(set(names))
    if all(name.isascii() and name.isdecimal() and len(name) <= _MOST_DIGITS for name in given):
        values = {name: int(name) for name in given}
        if min(values.values(), default=smallest) >= smallest:
            return values
    numbers = {name: number for number, name in enumerate(sorted({normalize("NFC", name) for name in given}), start=1)}
    return {name: numbers[normalize("NFC", name)] for name in given}
