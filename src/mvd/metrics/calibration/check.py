"""Check a calibration on people that it was not learnt on.

Shapes: N pictures, D width of an embedding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mvd.metrics.calibration import PRIOR, Calibration, learn_calibration
from mvd.metrics.calibration.pair_statistics import PLACES, camera_statistics, pair_name, pair_statistics

RATES = (0.01, 0.05, 0.1)
"""Default false-alarm rates of the check."""

_BINS = 15


@dataclass(frozen=True, kw_only=True)
class Detection:
    """The measured effect of a threshold for a false-alarm rate.

    Attributes:
        stated: the requested false-alarm rate.
        threshold: the similarity threshold.
        alarms: measured false-alarm rate: the fraction of queries without their person in the gallery that pass.
        found: with the person in the gallery, the fraction of queries whose person is first and passes the threshold.
        first: with the person in the gallery, the fraction of queries whose person is first.
    """

    stated: float
    threshold: float
    alarms: float
    found: float
    first: float


@dataclass(frozen=True, kw_only=True)
class CameraCheck:
    """The error of the calibrations of pairs of cameras.

    Attributes:
        pairs: number of pairs.
        error: mean over the pairs of the expected calibration error of their own calibration.
        shared: mean over the pairs of the expected calibration error of the calibration of their modalities.
    """

    pairs: int
    error: float
    shared: float


@dataclass(frozen=True, kw_only=True)
class PairCheck:
    """The check of the calibration of a pair of modalities.

    Attributes:
        error: expected calibration error, from 0 to 1, for a prior of 0.5.
        people: number of people in the gallery.
        queries: number of queries.
        detections: one entry per false-alarm rate.
        cameras: check of the pairs of cameras with their own calibration; None if there are none.
    """

    error: float
    people: int
    queries: int
    detections: tuple[Detection, ...]
    cameras: CameraCheck | None = None


def check_calibration(
    calibration: Calibration,
    vectors: npt.ArrayLike,
    identities: npt.ArrayLike,
    modalities: npt.ArrayLike,
    cameras: npt.ArrayLike | None = None,
    *,
    rates: Sequence[float] = RATES,
) -> dict[str, PairCheck]:
    """Check a calibration on pictures of people that it was not learnt on.

    Each picture is a query twice: with its person in the gallery, and without.

    Args:
        calibration: the calibration.
        vectors: (N, D), L2-normalised.
        identities: (N,) int.
        modalities: (N,) a `Modality` each.
        cameras: (N,) int, 0 if unknown.
        rates: false-alarm rates to check.

    Returns:
        Checks by pair of modalities, such as "infrared-visible".
    """
    by_camera = {} if cameras is None else _check_cameras(calibration, vectors, identities, modalities, cameras)
    checks = {}
    for (query, gallery), found in pair_statistics(vectors, identities, modalities, cameras).items():
        if not calibration.covers(query, gallery):
            continue
        known = ~np.isnan(found.best_own)
        first = known & (found.best_own > found.best_other)
        rows = []
        for rate in rates:
            threshold = calibration.threshold(rate, max(found.people - 1, 1), query, gallery)
            passed = first & (found.best_own > threshold)
            rows.append(
                Detection(
                    stated=rate,
                    threshold=threshold,
                    alarms=float((found.best_other > threshold).mean()),
                    found=float(passed.sum() / known.sum()),
                    first=float(first.sum() / known.sum()),
                )
            )
        checks[pair_name(query, gallery)] = PairCheck(
            error=expected_error(calibration.probability(PLACES, query, gallery), found.same, found.other),
            people=found.people,
            queries=len(found.best_own),
            detections=tuple(rows),
            cameras=by_camera.get(pair_name(query, gallery)),
        )
    return checks


def _check_cameras(
    calibration: Calibration,
    vectors: npt.ArrayLike,
    identities: npt.ArrayLike,
    modalities: npt.ArrayLike,
    cameras: npt.ArrayLike,
) -> dict[str, CameraCheck]:
    """Check the pairs of cameras, named by their numbers, that have seen a person in common."""
    errors: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pair, found in camera_statistics(vectors, identities, modalities, cameras, people=1):
        spectra, names = (pair.query_modality, pair.gallery_modality), (str(pair.query), str(pair.gallery))
        if calibration.covers(*spectra, cameras=names) and found.other.any():
            stated = (calibration.probability(PLACES, *spectra, cameras=by) for by in (names, None))
            own, shared = (expected_error(one, found.same, found.other) for one in stated)
            errors[pair_name(*spectra)].append((own, shared))
    return {
        name: CameraCheck(pairs=len(found), error=float(means[0]), shared=float(means[1]))
        for name, found in errors.items()
        for means in [np.mean(found, axis=0)]
    }


def cross_check(
    vectors: npt.ArrayLike,
    identities: npt.ArrayLike,
    modalities: npt.ArrayLike,
    cameras: npt.ArrayLike | None = None,
    *,
    rates: Sequence[float] = RATES,
) -> dict[str, PairCheck]:
    """Cross-validate: learn on one half of the people, check on the other, and average over both directions.

    Args:
        vectors: as for `check_calibration`.
        identities: as for `check_calibration`; alternate people belong to different halves.
        modalities: as for `check_calibration`.
        cameras: as for `check_calibration`.
        rates: as for `check_calibration`.

    Returns:
        Checks by pair of modalities, except pairs with too few people in a half.
    """
    people = np.asarray(identities)
    half = np.searchsorted(np.unique(people), people) % 2
    columns = [np.asarray(column) for column in (vectors, people, modalities)]
    columns.append(np.zeros(len(people), np.int64) if cameras is None else np.asarray(cameras))
    parts: dict[str, list[PairCheck]] = defaultdict(list)
    for number in (0, 1):
        learnt_on, checked_on = ([column[half == one] for column in columns] for one in (number, 1 - number))
        if not pair_statistics(*learnt_on):
            return {}
        calibration = learn_calibration(*learnt_on, model="", data="")
        for name, check in check_calibration(calibration, *checked_on, rates=rates).items():
            parts[name].append(check)
    return {name: _mean(both) for name, both in parts.items() if len(both) == 2}


def expected_error(
    probabilities: npt.NDArray[np.float64], same: npt.ArrayLike, other: npt.ArrayLike, *, prior: float = PRIOR
) -> float:
    """Compute the expected calibration error: the mean difference of predicted probabilities and observed frequencies.

    Pairs are grouped by predicted probability into 15 bins of equal width.

    Args:
        probabilities: predicted probability for each histogram bin of similarities.
        same: number of pairs of the same person in each bin; weighted to a total of `prior`.
        other: number of pairs of two people in each bin.
        prior: fraction of pairs of the same person.

    >>> expected_error(np.array([0.1, 0.9]), [10, 90], [900, 100])
    0.0
    """
    yes, no = np.asarray(same, np.float64), np.asarray(other, np.float64)
    yes, no = prior * yes / yes.sum(), (1 - prior) * no / no.sum()
    bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)
    stated = np.bincount(bins, weights=probabilities * (yes + no), minlength=_BINS)
    observed = np.bincount(bins, weights=yes, minlength=_BINS)
    return round(float(np.abs(stated - observed).sum()), 12)


def _mean(checks: Sequence[PairCheck]) -> PairCheck:
    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    detections = zip(*(check.detections for check in checks), strict=True)
    by_camera = [check.cameras for check in checks if check.cameras is not None]
    return PairCheck(
        error=mean([check.error for check in checks]),
        people=round(mean([check.people for check in checks])),
        queries=sum(check.queries for check in checks),
        detections=tuple(
            Detection(**{name: mean([getattr(one, name) for one in rows]) for name in Detection.__dataclass_fields__})
            for rows in detections
        ),
        cameras=CameraCheck(
            pairs=round(mean([one.pairs for one in by_camera])),
            error=mean([one.error for one in by_camera]),
            shared=mean([one.shared for one in by_camera]),
        )
        if by_camera
        else None,
    )
