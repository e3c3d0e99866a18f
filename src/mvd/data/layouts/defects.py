"""Defects of a data set: how a scan reports them, and what the people of every layout are checked for.

A scan hands each defect to a `Report` and carries on as if what is wrong were not there. The default raises, so a
command stops at the first defect with one line; `mvd check` collects them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mvd.data.samples import Modality, Samples, concatenate
from mvd.errors import DatasetError

Report = Callable[[DatasetError], None]

_SHOWN = 5  # of many things that share a defect


def raise_at_once(defect: DatasetError) -> None:
    """Raise the defect: the report of everybody who needs a data set without any.

    Raises:
        DatasetError: always.
    """
    raise defect


def some(items: Sequence[object]) -> str:
    """Name the first few of many.

    Example:
        >>> some([1, 2, 3, 4, 5, 6, 7])
        '1, 2, 3, 4, 5 and 2 more'
    """
    shown = ", ".join(str(item) for item in items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown} and {len(items) - _SHOWN} more"


def some_people(identities: Sequence[int], names: Mapping[int, str]) -> str:
    """Name the first few of many people, as own data calls them where it does."""
    return some([names.get(identity, identity) for identity in identities])


def require_disjoint(
    folder: Path, splits: Mapping[str, Sequence[int]], names: Mapping[int, str], report: Report
) -> dict[str, list[int]]:
    """Check that no identity is in two lists.

    Args:
        folder: where the lists `<split>_id.txt` lie.
        splits: split → its identities.
        names: identity → what own data calls that person.
        report: takes each pair of lists that share somebody.

    Returns:
        The splits; whoever is in several stays in the first.
    """
    taken: dict[str, list[int]] = {}
    for split, identities in splits.items():
        for earlier in taken:
            shared = sorted(set(splits[earlier]) & set(identities))
            if shared:
                report(
                    DatasetError(
                        f"{folder}: expected no identity in both {earlier}_id.txt and {split}_id.txt, "
                        f"found {some_people(shared, names)}; take them off one of the two"
                    )
                )
        before = set().union(*taken.values())
        taken[split] = [identity for identity in identities if identity not in before]
    return taken


def require_pictures(
    file: Path, identities: Sequence[int], table: Samples, names: Mapping[int, str], report: Report
) -> None:
    """Check that everybody on a list has a picture in its table."""
    missing = sorted(set(identities) - set(table.people.tolist()))
    if missing:
        report(
            DatasetError(
                f"{file}: expected pictures of every identity listed, found none of {some_people(missing, names)}; "
                f"unpack them or take them off the list"
            )
        )


def require_both_modalities(
    where: Path, tables: Sequence[Samples], people_lists: str, names: Mapping[int, str], report: Report
) -> None:
    """Check that everybody in some tables, which are for training and validation, is seen in both modalities."""
    everybody = concatenate(list(tables))
    for modality in Modality:
        missing = np.setdiff1d(everybody.people, everybody.of(modality).people).tolist()
        if missing:
            report(
                DatasetError(
                    f"{where}: expected {modality.name.lower()} pictures of every training and validation identity, "
                    f"found none of {some_people(missing, names)}; add them or take them off {people_lists}"
                )
            )
