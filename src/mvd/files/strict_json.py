"""Reads JSON that somebody may have damaged or written by hand: whatever it holds, the error is a ValueError."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_LARGEST = 2**63


def parse_json(text: str) -> Any:
    """Parse JSON whose numbers are finite and, if whole, fit into 64 bits.

    Raises:
        ValueError: it is something else, or nested too deeply.

    >>> parse_json('{"step": 3}')
    {'step': 3}
    >>> parse_json("1e400")
    Traceback (most recent call last):
    ValueError: a number that is not finite, 1e400
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("values that are nested too deeply") from error


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"a number that is not finite, {text[:20]}")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _whole(text: str) -> int:
    if len(text) > 20 or not -_LARGEST <= int(text) < _LARGEST:
        raise ValueError(f"a whole number of more than 64 bits, {text[:20]}…")
    return int(text)
