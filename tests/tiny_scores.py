"""Made-up scores of SYSU-MM01's size, for tests of their printing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.metrics.scores import Scores

RERANKED = "cosine + k-reciprocal (k1 20, k2 6, λ 0.3)"


def sysu_scores(cmc: npt.NDArray[np.float64], mAP: npt.NDArray[np.float64], **fields: Any) -> Scores:
    """Make scores of T trials; `fields` are others of `Scores`."""
    scores = Scores(
        protocol="sysu/p",
        ranking="cosine",
        queries=3803,
        valid_queries=2208,
        gallery=301,
        people=96,
        cmc=cmc,
        mAP=mAP,
        mINP=np.ones(len(cmc)),
    )
    return replace(scores, **fields)


def spread(trials: int, most: float) -> npt.NDArray[np.float64]:
    """Spread trials (T,) evenly from -`most` to `most`; a single one is at 0."""
    return np.linspace(-most, most, trials) if trials > 1 else np.zeros(1)
