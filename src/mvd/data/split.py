"""Split the people of own pictures at random into training, validation and test, and format the split's files.

Only people with pictures in both modalities are used: others have no cross-modal match.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

import numpy as np

from mvd.data.layouts.naming import number_people
from mvd.data.layouts.own_table import SPLITS, Table
from mvd.data.samples import JUNK, Modality, Samples
from mvd.errors import ConfigError


def split_people(table: Samples, train: float, validation: float, seed: int) -> dict[str, list[int]]:
    """Split the people with pictures in both modalities at random.

    Args:
        table: table of the pictures.
        train: fraction of the people for training, 0 … 1.
        validation: fraction for validation, 0 … 1; the rest is for the test.
        seed: seed of the random order.

    Returns:
        "train", "validation" and "test", each with its identities, ascending.

    Raises:
        ConfigError: a fraction is negative, or their sum is more than 1.
    """
    if not (train >= 0 and validation >= 0 and train + validation <= 1):
        raise ConfigError(
            f"expected shares of at least 0 and at most 1 together, found {train} for train and {validation} for "
            f"validation"
        )
    people = np.intersect1d(table.of(Modality.VISIBLE).people, table.of(Modality.INFRARED).people)
    shuffled = np.random.default_rng(seed).permutation(people)
    ends = [round(len(people) * train), round(len(people) * (train + validation))]
    return {split: sorted(part.tolist()) for split, part in zip(SPLITS, np.split(shuffled, ends), strict=True)}


def list_text(names: Iterable[str]) -> str:
    """Return a list of people in the format of `read_names`: one name per line, quoted if it contains a comma."""
    return _csv([name] for name in names)


def table_text(table: Table, splits: Mapping[str, Iterable[int]]) -> str:
    """Return a table of own pictures with an added column "split": empty for people in no split, "test" for junk."""
    identities = table.columns.index("identity")
    names = [fields[identities].strip() for _, fields in table.rows]
    numbers = number_people(names)
    split_of = {identity: split for split, people in splits.items() for identity in people} | {JUNK: "test"}
    rows = ([*fields, split_of.get(numbers[name], "")] for (_, fields), name in zip(table.rows, names, strict=True))
    return _csv([[*table.columns, "split"], *rows])


def _csv(rows: Iterable[list[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
