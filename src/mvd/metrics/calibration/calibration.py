"""Calibration of similarities: the probability of the same identity, and thresholds for a false-alarm rate.

There is a calibration for each pair of modalities, and for each pair of cameras that have seen enough people in common.
If both cameras are known, the calibration of their pair replaces that of their modalities. `learning` learns them.

Shapes: M similarities.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from mvd.errors import CheckpointError, ProtocolError
from mvd.metrics.calibration.pair_statistics import pair_name

Cameras: TypeAlias = tuple[str | None, str | None]
"""Names of the query's and the gallery picture's camera; None if unknown."""

PRIOR = 0.5
"""Default prior: the fraction of pairs that show the same person."""

_VERSION = 2
_VERSIONS = (1, _VERSION)  # readable versions; the first has no cameras


@dataclass(frozen=True, kw_only=True)
class PairCalibration:
    """The calibration of queries of one modality against gallery pictures of one modality.

    Attributes:
        slope: slope of the log-odds of the same identity, per unit of similarity; 0 or more.
        offset: log-odds at similarity 0, for a prior of 0.5.
        similarities: knots of the impostor distribution, ascending.
        exceeded: at each knot, the fraction of other people whose most similar picture is more similar; descending.
        scale: beyond the last knot, the increase in similarity in which that fraction falls by a factor of e.
        same: number of pairs of pictures of the same person.
        others: number of pairs of a query and another person.
        judged: number of verdicts on search results that the slope was also learnt on.
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
    """The calibration of a model's similarities.

    Attributes:
        model: fingerprint of the model (`ModelIdentity.fingerprint`).
        people: number of people that it was learnt on.
        data: description of their data set.
        pairs: calibrations by pair of modalities, "QUERY-GALLERY", such as "infrared-visible".
        cameras: calibrations of pairs of cameras, by the pair of modalities and the names of the query's and the
            gallery picture's camera (`camera_key`).

    >>> from mvd.data.samples import Modality
    >>> rng = np.random.default_rng(0)
    >>> people = np.repeat(np.arange(40), 4)
    >>> vectors = rng.normal(size=(40, 16))[people] + 0.5 * rng.normal(size=(160, 16))
    >>> vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    >>> from mvd.metrics.calibration import learn_calibration
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
    cameras: Mapping[tuple[str, str, str], PairCalibration] = field(default_factory=dict)

    def covers(self, query_modality: int, gallery_modality: int, *, cameras: Cameras | None = None) -> bool:
        """Return whether this pair of modalities is calibrated; with `cameras`, whether this pair of cameras is."""
        name = pair_name(query_modality, gallery_modality)
        return name in self.pairs if cameras is None else camera_pair(name, cameras) in self.cameras

    def probability(
        self,
        similarities: npt.ArrayLike,
        query_modality: int,
        gallery_modality: int,
        *,
        cameras: Cameras | None = None,
        prior: float = PRIOR,
    ) -> npt.NDArray[np.float64]:
        """Return the probability that two pictures show the same person.

        Args:
            similarities: (M,) inner products of unit vectors.
            query_modality: a `Modality`.
            gallery_modality: a `Modality`.
            cameras: names of the query's and the gallery picture's camera, None if unknown; if this pair is not
                calibrated, the calibration of the modalities is used.
            prior: the probability before the similarity is known. If the person is one of G people in the gallery, it
                is 1 / G for a single picture.

        Returns:
            (M,) from 0 to 1, increasing with the similarity.

        Raises:
            ProtocolError: the pair is not calibrated, or the prior is not between 0 and 1.
        """
        pair = self._of(query_modality, gallery_modality, cameras)
        if not 0 < prior < 1:
            raise ProtocolError(f"prior: expected a probability between 0 and 1, found {prior}")
        odds = pair.slope * np.asarray(similarities, np.float64) + pair.offset + math.log(prior / (1 - prior))
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -700, 700))))

    def threshold(
        self,
        false_alarm_rate: float,
        gallery_people: int,
        query_modality: int,
        gallery_modality: int,
        *,
        cameras: Cameras | None = None,
    ) -> float:
        """Return the threshold that the best match of a person not in the gallery exceeds at a false-alarm rate.

        Args:
            false_alarm_rate: the fraction of such queries, between 0 and 1, for which a picture exceeds the threshold.
            gallery_people: number of people in the gallery; if unknown, the number of pictures is a conservative
                choice.
            query_modality: a `Modality`.
            gallery_modality: a `Modality`.
            cameras: as for `probability`; the threshold then holds for pictures of the gallery camera only.

        Returns:
            The similarity, at most 1.

        Raises:
            ProtocolError: the pair is not calibrated, or an argument is out of range.
        """
        pair = self._of(query_modality, gallery_modality, cameras)
        if not 0 < false_alarm_rate < 1 or gallery_people < 1:
            raise ProtocolError(
                f"expected a false-alarm rate between 0 and 1 and at least 1 person in the gallery, found "
                f"{false_alarm_rate} and {gallery_people}"
            )
        rate = -math.expm1(math.log1p(-false_alarm_rate) / gallery_people)  # per person in the gallery
        last = pair.exceeded[-1]
        if rate < last:
            return min(1.0, pair.similarities[-1] + pair.scale * math.log(last / rate))
        # np.interp requires ascending x.
        return float(np.interp(-math.log(rate), -np.log(pair.exceeded), pair.similarities))

    def to_json(self) -> str:
        """Serialise to JSON."""
        kept = {name: getattr(self, name) for name in ("model", "people", "data")}
        pairs = {name: asdict(pair) for name, pair in self.pairs.items()}
        cameras = [
            {"pair": name, "query": query, "gallery": gallery, **asdict(pair)}
            for (name, query, gallery), pair in self.cameras.items()
        ]
        return json.dumps({"version": _VERSION, **kept, "pairs": pairs, "cameras": cameras})

    @classmethod
    def from_json(cls, text: str, source: str = "calibration") -> Calibration:
        """Deserialise the output of `to_json`.

        Raises:
            CheckpointError: the text is not a calibration; the message names the source.
        """
        try:
            fields = json.loads(text)
            if fields.pop("version") not in _VERSIONS:
                raise ValueError("another version of the format")
            pairs = {str(name): _read_pair(pair) for name, pair in fields.pop("pairs").items()}
            cameras = {
                (str(pair["pair"]), str(pair["query"]), str(pair["gallery"])): _read_pair(pair)
                for pair in fields.pop("cameras", ())
            }
            return cls(**fields, pairs=pairs, cameras=cameras)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise CheckpointError(
                f"{source}: expected a calibration that mvd wrote, found something else ({type(error).__name__}); "
                f"make it again: mvd calibrate"
            ) from error

    @classmethod
    def of(cls, text: str | None, model: str, source: str) -> Calibration | None:
        """Read the calibration saved with a model; None if there is none, or it belongs to other weights.

        Raises:
            CheckpointError: the text is not a calibration; the message names the source.
        """
        found = None if text is None else cls.from_json(text, source)
        return found if found is not None and found.model == model else None

    def _of(self, query_modality: int, gallery_modality: int, cameras: Cameras | None) -> PairCalibration:
        name = pair_name(query_modality, gallery_modality)
        if cameras is not None and (by_camera := self.cameras.get(camera_pair(name, cameras))) is not None:
            return by_camera
        if name not in self.pairs:
            raise ProtocolError(
                f"expected a calibration of {name}, found {', '.join(self.pairs) or 'none'}; calibrate the model on "
                f"data with such pictures: mvd calibrate"
            )
        return self.pairs[name]


def camera_key(name: str) -> str:
    """Normalise a camera's name: numbers without leading zeros, other names in Unicode normalisation form C.

    >>> camera_key("007"), camera_key("door")
    ('7', 'door')
    """
    return name.lstrip("0") or "0" if name.isascii() and name.isdecimal() else normalize("NFC", name)


def camera_pair(name: str, cameras: Cameras) -> tuple[str, str, str]:
    """Return the key of a pair of cameras; the key with an unknown camera matches no calibration."""
    query, gallery = ("" if camera is None else camera_key(camera) for camera in cameras)
    return name, query, gallery


def _read_pair(fields: dict[str, Any]) -> PairCalibration:
    numbers = {name: float(fields[name]) for name in ("slope", "offset", "scale")}
    knots = {name: tuple(map(float, fields[name])) for name in ("similarities", "exceeded")}
    counts = {name: int(fields[name]) for name in ("same", "others")} | {"judged": int(fields.get("judged", 0))}
    if not len(knots["similarities"]) == len(knots["exceeded"]) > 0 or min(knots["exceeded"]) <= 0:
        raise ValueError("knots that do not fit")
    return PairCalibration(**numbers, **knots, **counts)  # type: ignore[arg-type]  # three types of fields
