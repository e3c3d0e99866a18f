"""One value where several may be given: a path or a name alone is one, not its letters."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any


def several(given: Any) -> tuple[Any, ...]:
    """Return several values as a tuple, and one value as the only one.

    >>> several("night"), several(["night", "door"]), several(3), several(())
    (('night',), ('night', 'door'), (3,), ())
    """
    if isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)
