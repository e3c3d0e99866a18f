"""Number the people and cameras of own data, whose names may be anything.

If every name is a decimal number, its value is used, so 0017 and 17 are one person. Otherwise names are numbered from
1 in sorted order. Names are compared in Unicode's normal form C, as file systems encode accents differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize

from mvd.data.samples import JUNK

_JUNK_NAMES = frozenset({"-1", "junk"})
_MOST_DIGITS = 18  # that fit into 64 bits


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
    """Whether a name marks junk."""
    return name.lower() in _JUNK_NAMES


def number_names(names: Iterable[str], *, smallest: int) -> dict[str, int]:
    """Assign a number to each name.

    Args:
        names: in any order, with repetitions.
        smallest: the smallest value of names that are numbers.

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
