"""The results of `mvd synth`, `mvd prepare` and `mvd split`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SynthResult:
    """A rendered data set.

    Attributes:
        data: what to pass to the other commands: the folder, or the CSV table in it.
        people: number of identities.
        pictures: number of pictures.
    """

    data: Path
    people: int
    pictures: int


@dataclass(frozen=True, kw_only=True)
class PrepareResult:
    """Prepared arrays.

    Attributes:
        folder: the folder of the arrays.
        found: the people and pictures of each split, in one line.
    """

    folder: Path
    found: str


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """People split into training, validation and test.

    Attributes:
        data: what to pass to the other commands: the folder, which has lists now, or the new table.
        train: number of people to train on.
        validation: number of people that choose the best checkpoint.
        test: number of people to test on.
        left_out: people seen in one modality only, who are in none of the three.
    """

    data: Path
    train: int
    validation: int
    test: int
    left_out: int
