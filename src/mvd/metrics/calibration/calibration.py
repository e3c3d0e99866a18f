"""Calibration: what a similarity means. The probability of one person, and thresholds for a rate of false alarms.

Both hold for each pair of modalities; and for each pair of cameras that saw enough of the people, which takes the place
of that of their modalities where both cameras are known. `learning` learns them.

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
"""Names of a query's and a gallery's camera; None where unknown."""

PRIOR = 0.5
"""The share of pairs that show one person, for which probabilities are stated by default."""

_VERSION = 2
_VERSIONS = (1, _VERSION)  # that can be read; the first had no cameras


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
        cameras: of pairs of cameras, by such a name and the names of the query's and the gallery's camera
            (`camera_key`).

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
        """Tell whether there were enough people to learn this pair of modalities; or, with cameras, these two."""
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
            cameras: names of the query's and the gallery's camera, None where unknown; where these two were not
                calibrated, their modalities are.
            prior: the probability before the similarity is known. For one picture of a gallery of G people in which
                the person is, that is 1 / G.

        Returns:
            (M,) from 0 to 1, ascending in the similarity.

        Raises:
            ProtocolError: the pair was not calibrated, or the prior is not between 0 and 1.
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
        """Return the similarity that a query of somebody who is not in the gallery exceeds at a stated rate.

        Args:
            false_alarm_rate: the share of such queries, between 0 and 1, for which some picture exceeds it.
            gallery_people: how many people are in the gallery; where that is not known, its number of pictures is a
                safe guess.
            query_modality: a `Modality`.
            gallery_modality: a `Modality`.
            cameras: as for `probability`; the pictures are then those of the gallery's camera alone.

        Returns:
            The similarity, at most 1.

        Raises:
            ProtocolError: the pair was not calibrated, or a number is out of range.
        """
        pair = self._of(query_modality, gallery_modality, cameras)
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
        kept = {name: getattr(self, name) for name in ("model", "people", "data")}
        pairs = {name: asdict(pair) for name, pair in self.pairs.items()}
        cameras = [
            {"pair": name, "query": query, "gallery": gallery, **asdict(pair)}
            for (name, query, gallery), pair in self.cameras.items()
        ]
        return json.dumps({"version": _VERSION, **kept, "pairs": pairs, "cameras": cameras})

    @classmethod
    def from_json(cls, text: str, source: str = "calibration") -> Calibration:
        """Read what `to_json` wrote.

        Raises:
            CheckpointError: it is no calibration; the message names the source.
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
        """Read the calibration that is kept with a model; None if there is none, or it is of other weights.

        Raises:
            CheckpointError: it is no calibration; the message names the source.
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
    """Write a camera's name as it is compared: numbers without leading zeros, others in Unicode's normal form C.

    >>> camera_key("007"), camera_key("door")
    ('7', 'door')
    """
    return name.lstrip("0") or "0" if name.isascii() and name.isdecimal() else normalize("NFC", name)


def camera_pair(name: str, cameras: Cameras) -> tuple[str, str, str]:
    """Return the key of a pair of cameras, by the pair of their modalities; none has it where one is not known."""
    query, gallery = ("" if camera is None else camera_key(camera) for camera in cameras)
    return name, query, gallery


def _read_pair(fields: dict[str, Any]) -> PairCalibration:
    numbers = {name: float(fields[name]) for name in ("slope", "offset", "scale")}
    knots = {name: tuple(map(float, fields[name])) for name in ("similarities", "exceeded")}
    counts = {name: int(fields[name]) for name in ("same", "others")} | {"judged": int(fields.get("judged", 0))}
    if not len(knots["similarities"]) == len(knots["exceeded"]) > 0 or min(knots["exceeded"]) <= 0:
        raise ValueError("knots that do not fit")
    return PairCalibration(**numbers, **knots, **counts)  # type: ignore[arg-type]  # three types of fields
