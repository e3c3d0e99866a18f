"""Tracklets: pictures taken by one camera within seconds; a search shows only the best of each.

Shapes: N pictures, best first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_SECOND = 1_000_000


def group_tracklets(
    cameras: Sequence[str | None],
    times: Sequence[int | None],
    identities: Sequence[str | None],
    seconds: float,
) -> npt.NDArray[np.int64]:
    """Group pictures of one camera that follow each other within a number of seconds.

    Pictures of unknown camera or time are not grouped. Pictures with different identities are never in one group.

    Args:
        cameras: (N,) names.
        times: (N,) microseconds.
        identities: (N,) names.
        seconds: longest gap between two pictures; 0 disables grouping.

    Returns:
        (N,) index of the first picture of each picture's group; its own index if it is alone or the first.

    >>> group_tracklets(["a", "b", "a", "a"], [0, 0, 90_000_000, 4_000_000], [None] * 4, 5).tolist()
    [0, 1, 2, 0]
    """
    first = np.arange(len(cameras))
    if seconds <= 0:
        return first
    known = [at for at in range(len(cameras)) if cameras[at] is not None and times[at] is not None]
    order = sorted(known, key=lambda at: (cameras[at], identities[at] or "", times[at]))
    start = 0
    for place, (before, at) in enumerate(pairwise(order), start=1):
        gap = (times[at] or 0) - (times[before] or 0)
        together = cameras[at] == cameras[before] and identities[at] == identities[before]
        if not (together and gap <= seconds * _SECOND):
            first[order[start:place]] = min(order[start:place])
            start = place
    if order:
        first[order[start:]] = min(order[start:])
    return first
