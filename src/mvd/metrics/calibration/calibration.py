"""Calibration: what a similarity means. The probability of one person, and thresholds for a rate of false alarms.

Both are learnt on people whom the model has never seen, for each pair of modalities.

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

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mvd.errors import CheckpointError, ProtocolError
from mvd.metrics.calibration.pair_statistics import PairStatistics, pair_name, pair_statistics
from mvd.metrics.calibration.platt import Judged, fit_platt

FEW_PEOPLE = 30
"""Below this number of people a calibration is rough."""

PRIOR = 0.5
"""The share of pairs that show one person, for which probabilities are stated by default."""

_KNOTS = 64  # of the impostors' distribution
_TAIL = 100  # impostors that the exponential tail is fitted to, if these are not more than
_MOST_TAIL = 0.05  # of all of them
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PairCalibration:
    """What similarities of queries of one modality with pictures of another mean.

    Attributes:
        slope: of the log-odds of one person, per unit of similarity; 0 or more.
        offset: log-odds at similarity 0, for a prior of a half.
        similarities: ascending knots of the impostors' distribution.
        exceeded: at each knot, the share of other people whose best picture is more similar; descending.
        scale: beyond the last knot, the similarity in which that share falls by a factor of e.
        same: pairs of pictures that showed one person.
        others: pairs of a query and another person.
        judged: judged results of searches that the slope was learnt on, too.
    """

    slope: float
    offset: float
    similarities: tuple[float, ...]
    exceeded: tuple[float, ...]
    scale: float
    same: int
    others: int
    judged: int = 0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a model's similarities mean.

    Attributes:
        model: the model's fingerprint (`ModelIdentity.fingerprint`).
        people: number of people that it was learnt on.
        data: their data set, in words.
        pairs: by "QUERY-GALLERY", such as "infrared-visible".

    >>> from mvd.data.samples import Modality
    >>> rng = np.random.default_rng(0)
    >>> people = np.repeat(np.arange(40), 4)
    >>> vectors = rng.normal(size=(40, 16))[people] + 0.5 * rng.normal(size=(160, 16))
    >>> vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    >>> calibration = learn_calibration(vectors, people, np.tile([0, 0, 1, 1], 40), model="81f0", data="drawn")
    >>> (calibration.probability([0.1, 0.9], Modality.INFRARED, Modality.VISIBLE) > 0.5).tolist()
    [False, True]
    >>> few, many = (calibration.threshold(0.01, people, 1, 0) for people in (10, 1000))
    >>> few < many
    True
    """

    model: str
    people: int
    data: str
    pairs: Mapping[str, PairCalibration]

    def covers(self, query_modality: int, gallery_modality: int) -> bool:
        """Tell whether there were enough people to learn this pair of modalities."""
        return pair_name(query_modality, gallery_modality) in self.pairs

    def probability(
        self, similarities: npt.ArrayLike, query_modality: int, gallery_modality: int, *, prior: float = PRIOR
    ) -> npt.NDArray[np.float64]:
        """Return the probability that two pictures show the same person.

        Args:
            similarities: (M,) inner products of unit vectors.
            query_modality: a `Modality`.
            gallery_modality: a `Modality`.
            prior: the probability before the similarity is known. For one picture of a gallery of G people in which
                the person is, that is 1 / G.

        Returns:
            (M,) from 0 to 1, ascending in the similarity.

        Raises:
            ProtocolError: the pair was not calibrated, or the prior is not between 0 and 1.
        """
        pair = self._of(query_modality, gallery_modality)
        if not 0 < prior < 1:
            raise ProtocolError(f"prior: expected a probability between 0 and 1, found {prior}")
        odds = pair.slope * np.asarray(similarities, np.float64) + pair.offset + math.log(prior / (1 - prior))
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))))

    def threshold(
        self, false_alarm_rate: float, gallery_people: int, query_modality: int, gallery_modality: int
    ) -> float:
        """Return the similarity that a query of somebody who is not in the gallery exceeds at a stated rate.

        Args:
            false_alarm_rate: the share of such queries, between 0 and 1, for which some picture exceeds it.
            gallery_people: how many people are in the gallery; where that is not known, its number of pictures is a
                safe guess.
            query_modality: a `Modality`.
            gallery_modality: a `Modality`.

        Returns:
            The similarity, at most 1.

        Raises:
            ProtocolError: the pair was not calibrated, or a number is out of range.
        """
        pair = self._of(query_modality, gallery_modality)
        if not 0 < false_alarm_rate < 1 or gallery_people < 1:
            raise ProtocolError(
                f"expected a false-alarm rate between 0 and 1 and at least 1 person in the gallery, found "
                f"{false_alarm_rate} and {gallery_people}"
            )
        rate = -math.expm1(math.log1p(-false_alarm_rate) / gallery_people)  # of each person in the gallery
        last = pair.exceeded[-1]
        if rate < last:
            return min(1.0, pair.similarities[-1] + pair.scale * math.log(last / rate))
        # np.interp wants ascending places.
        return float(np.interp(-math.log(rate), -np.log(pair.exceeded), pair.similarities))

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps({"version": _VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, source: str = "calibration") -> Calibration:
        """Read what `to_json` wrote.

        Raises:
            CheckpointError: it is no calibration; the message names the source.
        """
        try:
            fields = json.loads(text)
            if fields.pop("version") != _VERSION:
                raise ValueError("another version of the format")
            pairs = {str(name): _read_pair(pair) for name, pair in fields.pop("pairs").items()}
            return cls(**fields, pairs=pairs)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CheckpointError(
                f"{source}: expected a calibration that mvd wrote, found something else ({type(error).__name__}); "
                f"make it again: mvd calibrate"
            ) from error

    @classmethod
    def of(cls, text: str | None, model: str, source: str) -> Calibration | None:
        """Read the calibration that is kept with a model; None if there is none, or it is of other weights.

        Raises:
            CheckpointError: it is no calibration; the message names the source.
        """
        found = None if text is None else cls.from_json(text, source)
        return found if found is not None and found.model == model else None

    def _of(self, query_modality: int, gallery_modality: int) -> PairCalibration:
        name = pair_name(query_modality, gallery_modality)
        if name not in self.pairs:
            raise ProtocolError(
                f"expected a calibration of {name}, found {', '.join(self.pairs) or 'none'}; calibrate the model on "
                f"data with such pictures: mvd calibrate"
            )
        return self.pairs[name]


def _read_pair(fields: dict[str, Any]) -> PairCalibration:
    numbers = {name: float(fields[name]) for name in ("slope", "offset", "scale")}
    knots = {name: tuple(map(float, fields[name])) for name in ("similarities", "exceeded")}
    counts = {name: int(fields[name]) for name in ("same", "others")} | {"judged": int(fields.get("judged", 0))}
    if not len(knots["similarities"]) == len(knots["exceeded"]) > 0 or min(knots["exceeded"]) <= 0:
        raise ValueError("knots that do not fit")
    return PairCalibration(**numbers, **knots, **counts)  # type: ignore[arg-type]  # three types of fields


def learn_calibration(
    vectors: npt.ArrayLike,
    identities: npt.ArrayLike,
    modalities: npt.ArrayLike,
    cameras: npt.ArrayLike | None = None,
    *,
    model: str,
    data: str,
    judged: Mapping[tuple[int, int], Judged] | None = None,
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
    return Calibration(model=model, people=len(np.unique(np.asarray(identities))), data=data, pairs=pairs)


def _learn_pair(found: PairStatistics, judged: Judged | None) -> PairCalibration:
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
