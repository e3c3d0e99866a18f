"""The plan of a data set: the split of each identity, and the number of pictures per identity and camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from mvd.config.checks import whole
from mvd.errors import ConfigError
from mvd.synthetic.cameras import Rig, Sensor
from mvd.synthetic.rigs import SYSU_RIG

_MOST_PICTURES = 9999  # file names have four digits
_MOST_PEOPLE = 9999


class Shot(NamedTuple):
    """One picture: identity, camera, and number among the pictures of both, from 1."""

    identity: int
    sensor: Sensor
    number: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A data set's cameras, identities and numbers of pictures.

    Attributes:
        rig: the cameras.
        train, validation, test: identities of each split, ascending and disjoint.
        counts: identity → camera → number of pictures, at least 1; cameras without pictures of an identity are absent.
    """

    rig: Rig
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    counts: Mapping[int, Mapping[Sensor, int]]

    def __post_init__(self) -> None:
        split = self.train + self.validation + self.test
        if len(set(split)) != len(split):
            raise ConfigError("expected every identity in one split, found one in two")
        cameras = set(self.rig.sensors)
        for identity, seen in self.counts.items():
            for sensor, count in seen.items():
                if sensor not in cameras or not 1 <= identity <= _MOST_PEOPLE or not 1 <= count <= _MOST_PICTURES:
                    raise ConfigError(
                        f"expected a camera of {self.rig.name}, an identity of 1…{_MOST_PEOPLE} and 1…{_MOST_PICTURES} "
                        f"pictures, found {sensor}, identity {identity}, {count} pictures"
                    )
        absent = [identity for identity in split if not self.counts.get(identity)]
        if absent:
            raise ConfigError(f"expected pictures of everybody in a split, found none of {absent[0]}")

    @property
    def people(self) -> tuple[int, ...]:
        """All identities with pictures, ascending, including those in no split."""
        return tuple(sorted(self.counts))

    @property
    def pictures(self) -> int:
        """The total number of pictures."""
        return sum(sum(seen.values()) for seen in self.counts.values())

    def shots(self, identity: int) -> Iterator[Shot]:
        """Yield every picture of an identity, camera by camera."""
        for sensor, count in self.counts[identity].items():
            for number in range(1, count + 1):
                yield Shot(identity, sensor, number)

    def of(self, identity: int) -> Plan:
        """Return the plan restricted to one identity, in its split."""

        def only(split: tuple[int, ...]) -> tuple[int, ...]:
            return (identity,) if identity in split else ()

        return replace(
            self,
            train=only(self.train),
            validation=only(self.validation),
            test=only(self.test),
            counts={identity: self.counts[identity]},
        )


def even_plan(*, train: int, validation: int, test: int, pictures: int, rig: Rig = SYSU_RIG) -> Plan:
    """Create a plan with the same number of pictures for every identity and camera.

    Args:
        train, validation, test: numbers of identities; at least one for training and one for testing.
        pictures: number of pictures per identity, camera and modality, 1…9999.
        rig: the cameras.

    Raises:
        ConfigError: a number is out of range.
    """
    train, validation, test = whole("train", train), whole("validation", validation), whole("test", test)
    pictures = whole("pictures", pictures)
    for name, value, least in (("train", train, 1), ("validation", validation, 0), ("test", test, 1)):
        if not least <= value <= _MOST_PEOPLE:
            raise ConfigError(f"{name}: expected {least} to {_MOST_PEOPLE} identities, found {value}")
    if train + validation + test > _MOST_PEOPLE:
        raise ConfigError(f"expected at most {_MOST_PEOPLE} identities in all, found {train + validation + test}")
    if not 1 <= pictures <= _MOST_PICTURES:
        raise ConfigError(f"pictures: expected 1 to {_MOST_PICTURES} per identity and camera, found {pictures}")
    people = range(1, train + validation + test + 1)
    return Plan(
        rig=rig,
        train=tuple(people[:train]),
        validation=tuple(people[train : train + validation]),
        test=tuple(people[train + validation :]),
        counts={identity: dict.fromkeys(rig.sensors, pictures) for identity in people},
    )
