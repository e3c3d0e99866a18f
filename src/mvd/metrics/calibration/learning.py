"""Learn a calibration on people that the model was not trained on.

The probability is Platt scaling: a logistic function of the similarity, fitted to pairs of pictures, weighted so that
half of them show the same person (a prior of 0.5). In a search the prior is lower; pass it to `probability`.

A threshold limits how often a person who is not in the gallery is found. It is computed from the impostor distribution:
the highest similarity of each query with each *other* person, as measured, with an exponential tail above the hundredth
highest value (peaks over threshold). Similarities are bounded and the people of a gallery are not independent, so on
average thresholds are too strict rather than too loose. With fewer people, they scatter more. A generalised Pareto tail
was tried; it raised two to five times the stated false alarms.

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
"""Number of people below which a calibration is rough."""

ENOUGH_PEOPLE = 30
"""Minimum number of people seen by both cameras of a pair with its own calibration."""

_KNOTS = 64  # knots of the impostor distribution
_TAIL = 100  # number of impostors that the exponential tail is fitted to, but not more than
_MOST_TAIL = 0.05  # this fraction of all impostors
_MOST_PAIRS = 1000  # maximum number of pairs of cameras; a pair takes about 1 kB
_DIGITS = 5  # significant digits of the knots of a pair of cameras


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
    """Learn a calibration from pictures of people that the model was not trained on.

    Pairs of pictures of one person from one camera are excluded: they are near duplicates and would bias it.

    Args:
        vectors: (N, D), L2-normalised.
        identities: (N,) int.
        modalities: (N,) a `Modality` each.
        cameras: (N,) int, 0 if unknown; None if all are unknown.
        model: fingerprint of the model.
        data: description of the data set.
        judged: verdicts on search results, by modalities (query, gallery). If they are `enough`, the slopes are learnt
            on them too, but not the offsets and thresholds (see `mvd.metrics.calibration.platt`).
        camera_names: names of cameras by number; a camera without a name is identified by its number.
        enough: minimum number of people seen by both cameras of a pair with its own calibration. If more than a
            thousand pairs qualify, those with the most pictures are kept.

    Raises:
        ProtocolError: no pair of modalities has two people, one of them with two pictures.
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
    """Round the knots, to save space for models with many cameras."""
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
    """Compute the knots of ascending similarities, the fraction above each, and the scale of an exponential tail."""
    share = max(min(_TAIL / len(impostors), _MOST_TAIL), 1 / len(impostors))
    exceeded = np.geomspace(1, share, _KNOTS)
    knots = np.quantile(impostors, 1 - exceeded)
    beyond = impostors[impostors > knots[-1]]
    scale = float((beyond - knots[-1]).mean()) if len(beyond) else 0.0
    # Interpolation requires distinct knots; of equal ones keep the last, with the smallest fraction.
    last = np.append(np.diff(knots) > 0, True)
    return knots[last], exceeded[last], scale
