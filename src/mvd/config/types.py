"""Types of the fields of a configuration, which Python does not check; NumPy's numbers become Python's own.

A number is finite: JSON, in which a run stores its configuration, has no other.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields
from functools import cache
from math import isfinite
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from mvd.errors import ConfigError

_NUMBERS = {bool: (bool,), int: (int,), float: (int, float)}
_CALLED = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def check_types(config: Any, section: str) -> None:
    """Check the types of a dataclass's fields; convert NumPy's numbers, PyTorch's devices, and lists to tuples.

    Args:
        config: the dataclass, which is changed in place.
        section: its name in `RunConfig` with a dot, for the message.

    Raises:
        ConfigError: a field has a value of another type.
    """
    hints = _hints(cast("Hashable", type(config)))  # mypy takes the hash of a dataclass for that of its class
    for one in fields(config):
        given = getattr(config, one.name)
        try:
            found = _as(hints[one.name], plain(given))
        except TypeError as error:
            raise ConfigError(f"{section}{one.name}: expected {error}, found {given!r}") from error
        if found is not given:
            object.__setattr__(config, one.name, found)


def plain(value: Any) -> Any:
    """Return Python's own number for one of NumPy's, and the name of one of PyTorch's devices.

    >>> import numpy as np
    >>> plain(np.int64(3)), plain("cpu")
    (3, 'cpu')
    """
    home = type(value).__module__
    if home == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    return str(value) if home == "torch" and type(value).__name__ == "device" else value


@cache
def _hints(kind: Hashable) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _as(hint: Any, value: Any) -> Any:
    """Return a value as a type demands it.

    Raises:
        TypeError: it has another type; the message says what was expected.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        if not any(type(value) is type(one) and value == one for one in inner):
            raise TypeError(f"one of {', '.join(map(str, inner))}")
        return value
    if origin in (Union, UnionType):
        problems = []
        for one in inner:
            try:
                return _as(one, value)
            except TypeError as error:
                problems.append(str(error))
        raise TypeError(" or ".join(problems))
    if origin is tuple:
        if not isinstance(value, list | tuple) or (inner[-1] is not Ellipsis and len(value) != len(inner)):
            raise TypeError("several values" if inner[-1] is Ellipsis else f"{len(inner)} values")
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_as(kind, plain(one)) for kind, one in zip(kinds, value, strict=True))
    if hint in _NUMBERS:
        if not isinstance(value, _NUMBERS[hint]) or (isinstance(value, bool) and hint is not bool):
            raise TypeError(_CALLED[hint])
        if isinstance(value, float) and not isfinite(value):
            raise TypeError("a finite number")
    elif isinstance(hint, type) and not isinstance(value, hint):
        raise TypeError(_CALLED.get(hint, "nothing" if hint is type(None) else f"a {hint.__name__}"))
    return value
