"""Learn a calibration on people whom the model has never seen.

The probability is Platt's: a logistic function of the similarity, fitted to pairs of pictures of which, by weight, a
half shows one person. That half is the prior. In a search the chance that a picture of the gallery shows the person is
smaller; `probability` takes it as `prior`.

A threshold answers another question: how often does somebody who is not in the gallery find a picture above it? It
comes from the impostors' tail: the best similarity of a query with each *other* person, as measured, and from the
hundredth highest on an exponential tail (peaks over a threshold). Similarities are bounded and people of a gallery not
independent, so thresholds are too strict rather than too loose, on average; the fewer people it was learnt on, the more
they scatter. A generalised Pareto tail was tried, and raised two to five times the alarms that it stated.

Shapes: N pictures, D width of an embedding, M similarities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mvd.errors import ProtocolError
from mvd.metrics.calibration.calibration import Calibration, PairCalibration, camera_pair
from mvd.metrics.calibration.pair_statistics import (
    CameraPair,
    PairStatistics,
    camera_statistics,
    pair_name,
    pair_statistics,
)
from mvd.metrics.calibration.platt import Judged, fit_platt

FEW_PEOPLE = 30
"""Below this number of people a calibration is rough."""

ENOUGH_PEOPLE = 30
"""A pair of cameras is calibrated by itself where both have seen so many of the people."""

_KNOTS = 64  # of the impostors' distribution
_TAIL = 100  # impostors that the exponential tail is fitted to, if these are not more than
_MOST_TAIL = 0.05  # of all of them
_MOST_PAIRS = 1000  # of cameras; a pair is about 1 kB
_DIGITS = 5  # of the knots of such a pair


def learn_calibration(
    vectors: npt.ArrayLike,
    identities: npt.ArrayLike,
    modalities: npt.ArrayLike,
    cameras: npt.ArrayLike | None = None,
    *,
    model: str,
    data: str,
    judged: Mapping[tuple[int, int], Judged] | None = None,
    camera_names: Mapping[int, str] | None = None,
    enough: int = ENOUGH_PEOPLE,
) -> Calibration:
    """Learn a calibration from pictures of people whom the model has never seen.

    Pairs of one person in one camera are left out: they are near copies, and would flatter it.

    Args:
        vectors: (N, D) of length 1.
        identities: (N,) int.
        modalities: (N,) a `Modality` each.
        cameras: (N,) int, 0 where unknown; None where all are.
        model: the model's fingerprint.
        data: the data set, in words.
        judged: judged results of searches by modalities of (query, gallery); slopes are learnt on them, too, where
            they are `enough`. Offsets and thresholds are not (`mvd.metrics.calibration.platt` says why).
        camera_names: number → name; a camera without one is called by its number.
        enough: a pair of cameras is calibrated by itself where both have seen so many of the people; of more than a
            thousand such pairs, those with the most pictures.

    Raises:
        ProtocolError: no pair of modalities has two people of whom one is seen twice.
    """
    pairs = {
        pair_name(*modality_pair): _learn_pair(found, (judged or {}).get(modality_pair))
        for modality_pair, found in pair_statistics(vectors, identities, modalities, cameras).items()
    }
    if not pairs:
        raise ProtocolError(
            "expected at least two people, one of them seen twice, to calibrate on, found fewer; give more pictures"
        )
    return Calibration(
        model=model,
        people=len(np.unique(np.asarray(identities))),
        data=data,
        pairs=pairs,
        cameras={}
        if cameras is None
        else _learn_cameras(camera_statistics(vectors, identities, modalities, cameras, people=enough), camera_names),
    )


def _learn_cameras(
    statistics: Iterable[tuple[CameraPair, PairStatistics]], names: Mapping[int, str] | None
) -> dict[tuple[str, str, str], PairCalibration]:
    learnt = {}
    for pair, found in statistics:
        query, gallery = ((names or {}).get(camera, str(camera)) for camera in (pair.query, pair.gallery))
        spectra = pair_name(pair.query_modality, pair.gallery_modality)
        learnt[camera_pair(spectra, (query, gallery))] = _shortened(_learn_pair(found))
    return dict(sorted(learnt.items(), key=lambda one: -one[1].same)[:_MOST_PAIRS])


def _shortened(pair: PairCalibration) -> PairCalibration:
    """Round the knots, of which a model with many cameras has many."""
    similarities, exceeded = (
        tuple(float(f"{one:.{_DIGITS}g}") for one in knots) for knots in (pair.similarities, pair.exceeded)
    )
    return replace(pair, similarities=similarities, exceeded=exceeded)


def _learn_pair(found: PairStatistics, judged: Judged | None = None) -> PairCalibration:
    judged = judged if judged is not None and judged.enough else None
    slope, offset = fit_platt(found.same, found.other, people=found.people, judged=judged)
    knots, exceeded, scale = _tail(np.sort(found.impostors.astype(np.float64)))
    return PairCalibration(
        slope=slope,
        offset=offset,
        similarities=tuple(knots.tolist()),
        exceeded=tuple(exceeded.tolist()),
        scale=scale,
        same=int(found.same.sum()),
        others=len(found.impostors),
        judged=0 if judged is None else len(judged.same),
    )


def _tail(
    impostors: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Describe ascending similarities: knots, the share above each, and the scale of an exponential tail."""
    share = max(min(_TAIL / len(impostors), _MOST_TAIL), 1 / len(impostors))
    exceeded = np.geomspace(1, share, _KNOTS)
    knots = np.quantile(impostors, 1 - exceeded)
    beyond = impostors[impostors > knots[-1]]
    scale = float((beyond - knots[-1]).mean()) if len(beyond) else 0.0
    # Distinct knots, as an interpolation needs them; of equal ones the last, with the smallest share.
    last = np.append(np.diff(knots) > 0, True)
    return knots[last], exceeded[last], scale
