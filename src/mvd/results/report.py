"""The content of a report on a run: figures, queries with their results, distributions, maps. No rendering.

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
    """A protocol: its figures, some of its queries, and the errors.

    Attributes:
        scores: the figures of all trials.
        retrievals: some queries of the first trial.
        groups: rank-1 by modalities and cameras.
        confusions: identities that are retrieved for queries of other identities.
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
        rows: (M,) rows of the table of test pictures.
        before: (M, 2) positions before training.
        after: (M, 2) positions after training.
    """

    method: str
    rows: npt.NDArray[np.int64]
    before: npt.NDArray[np.float64]
    after: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmaps:
    """Heat maps of the similarity between two pictures of a person.

    Attributes:
        rows: (P,) rows of the table of test pictures, alternately visible and infrared.
        maps: (P, H, W), from 0 to 1.
    """

    rows: npt.NDArray[np.int64]
    maps: npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class RunReport:
    """The content of a report on one run.

    Attributes:
        path: the run folder.
        weights: the evaluated weights: "best" or "last".
        card: model card of those weights.
        config: configuration of the run.
        log: the lines of metrics.jsonl.
        data: root of the data set.
        samples: table of the N test pictures.
        names: names of the test people, by identity.
        upright: whether pictures are rotated by their EXIF orientation.
        protocols: results by protocol.
        backwards: visible queries in the infrared gallery, if all protocols search in the other direction.
        histograms: histograms of similarities between test pictures.
        calibration: calibration of the similarities, if `mvd calibrate` has been run.
        map: map of embeddings; None if there are too few pictures.
        heatmaps: heat maps; None if the framework does not compute them.
        left_out: one line for each part that could not be computed.
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
