"""A file layout: the file of each picture, and the lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mvd.data.samples import Modality
from mvd.errors import ConfigError
from mvd.synthetic.cameras import Rig
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.plan import Plan, Shot


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The file layout of a data set.

    Attributes:
        name: name of the layout.
        rig: the supported cameras.
        any_rig: whether any other cameras are supported too.
        validates: whether it supports validation identities.
        spares: whether it supports identities in no split.
        place: (plan, shot) → path of the picture relative to the root, with forward slashes; the suffix determines the
            format.
        write_lists: called with the existing root and the data set; writes all files except pictures.
        data: path of the data set relative to the root, if it is not the root itself.
    """

    name: str
    rig: Rig
    any_rig: bool = False
    validates: bool = False
    spares: bool = False
    place: Callable[[Plan, Shot], str]
    write_lists: Callable[[Path, SyntheticConfig], None]
    data: str = ""

    def check(self, plan: Plan) -> None:
        """Refuse a plan that this layout does not support.

        Raises:
            ConfigError: the plan has unsupported cameras, validation identities, or identities in no split.
        """
        if not self.any_rig and set(plan.rig.sensors) != set(self.rig.sensors):
            raise ConfigError(
                f"layout {self.name}: expected the cameras of {self.rig.name}, found those of {plan.rig.name}; "
                f"choose the layout that goes with them"
            )
        if plan.validation and not self.validates:
            raise ConfigError(
                f"layout {self.name}: expected no validation people, which it has no place for, "
                f"found {len(plan.validation)}; ask for 0"
            )
        others = sorted(set(plan.people).difference(plan.train, plan.validation, plan.test))
        if others and not self.spares:
            raise ConfigError(f"layout {self.name}: expected everybody in a split, found {others[0]} in none")


def label_pictures(
    plan: Plan, people: Iterable[int], modality: Modality, place: Callable[[Shot], str]
) -> Iterator[str]:
    """Yield a line for each picture of people in one modality: its path, and the label of the person, from 0."""
    for label, identity in enumerate(people):
        for shot in plan.shots(identity):
            if shot.sensor.modality is modality:
                yield f"{place(shot)} {label}"


def write_ids(file: Path, identities: Iterable[int | str]) -> None:
    """Write a list of identities as one comma-separated line."""
    write_lines(file, [",".join(map(str, identities))])


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write lines of ASCII text, with the same bytes on every system."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\n")
