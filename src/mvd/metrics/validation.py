"""Validation: the pictures of held-out identities, and the protocol that scores their embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mvd.data.pictures import Pictures
from mvd.data.samples import Samples
from mvd.metrics.features import Features
from mvd.metrics.protocols import Protocol
from mvd.metrics.scores import evaluate


@dataclass(frozen=True, kw_only=True, eq=False)
class Validation:
    """The validation data of a run.

    Attributes:
        pictures: N pictures of both modalities.
        samples: table of the pictures, in the same order.
        protocol: the validation protocol.
    """

    pictures: Pictures
    samples: Samples
    protocol: Protocol

    def score(self, embeddings: npt.NDArray[np.float32]) -> Mapping[str, float]:
        """Score embeddings (N, D): "rank-1", "mAP" and "mINP", fractions from 0 to 1."""
        mean = evaluate(Features(descriptors=embeddings, samples=self.samples), self.protocol).mean
        return {"rank-1": mean.rank_1, "mAP": mean.mAP, "mINP": mean.mINP}
