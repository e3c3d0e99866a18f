"""The results of `mvd synth`, `mvd prepare` and `mvd split`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SynthResult:
    """A rendered data set.

    Attributes:
        data: the path to pass to other commands: the folder, or the CSV table in it.
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
        found: numbers of people and pictures of each split, in one line.
        flags: flags of `mvd train` for these arrays and people, beside DATA; None if there are too few people to train
            on.
    """

    folder: Path
    found: str
    flags: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """People split into training, validation and test.

    Attributes:
        data: the path to pass to other commands: the folder, which now contains the lists, or the new table.
        train: number of training people.
        validation: number of validation people.
        test: number of test people.
        left_out: number of people seen in one modality only, who are in no split.
    """

    data: Path
    train: int
    validation: int
    test: int
    left_out: int
