"""What a report shows of a run: figures, queries with what they found, distributions, maps; without any rendering.

Shapes: N test pictures, M of them on the embedding map, P on heat maps of H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.config import RunConfig
from mvd.data.samples import Samples
from mvd.metrics.calibration import Calibration
from mvd.metrics.explain import Confusion, GroupFigures, Histogram, Retrieval
from mvd.metrics.scores import Scores
from mvd.runs import Card


@dataclass(frozen=True, kw_only=True, eq=False)
class ProtocolReport:
    """A protocol: its figures, some of its queries, and where they go wrong.

    Attributes:
        scores: the figures of all its trials.
        retrievals: queries of the first trial.
        groups: rank-1 by modalities and cameras.
        confusions: identities that are found for others.
    """

    scores: Scores
    retrievals: Sequence[Retrieval]
    groups: Sequence[GroupFigures]
    confusions: Sequence[Confusion]


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingMap:
    """Embeddings of some test pictures in the plane, before and after training.

    Attributes:
        method: "t-SNE" or "UMAP".
        rows: (M,) of the table of test pictures.
        before: (M, 2).
        after: (M, 2).
    """

    method: str
    rows: npt.NDArray[np.int64]
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmaps:
    """Where the network sees the similarity between two pictures of a person.

    Attributes:
        rows: (P,) of the table of test pictures, visible and infrared in turns.
        maps: (P, H, W), from 0 to 1.
    """

    rows: npt.NDArray[np.int64]
    maps: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class RunReport:
    """Everything that a report shows of a run.

    Attributes:
        path: the run folder.
        weights: which weights are described: "best" or "last".
        card: of those weights.
        config: of the run.
        log: the lines of its metrics.jsonl.
        data: the data set's root.
        samples: the table of its N test pictures.
        names: of the test people, by identity.
        upright: whether pictures are turned by their EXIF orientation.
        protocols: what it was tested by.
        backwards: visible queries in the infrared gallery, where all protocols ask in the other direction.
        histograms: of similarities between test pictures.
        calibration: what its similarities mean, if `mvd calibrate` has learnt it.
        map: None where there are too few pictures for one.
        heatmaps: None where the framework computes none.
        left_out: a line for everything that could not be shown.
    """

    path: Path
    weights: str
    card: Card
    config: RunConfig
    log: Sequence[Mapping[str, Any]]
    data: Path
    samples: Samples
    names: Mapping[int, str]
    upright: bool
    protocols: Sequence[ProtocolReport]
    backwards: Sequence[Retrieval]
    histograms: Sequence[Histogram]
    calibration: Calibration | None
    map: EmbeddingMap | None
    heatmaps: Heatmaps | None
    left_out: Sequence[str]
