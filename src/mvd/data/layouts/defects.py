"""Defects of a data set: how a scan reports them, and checks shared by the layouts.

A scan passes each defect to an `OnDefect` and continues without the defective part. The default raises, so that a
command stops at the first defect; `mvd check` collects all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mvd.data.samples import Modality, Samples, concatenate
from mvd.errors import DatasetError, some

OnDefect = Callable[[str], None]
"""Called with a defect as one line: the file, what was expected and found, and what to do."""


def raise_defect(defect: str) -> None:
    """Raise the defect.

    Raises:
        DatasetError: always.
    """
    raise DatasetError(defect)


def some_people(identities: Sequence[int], names: Mapping[int, str]) -> str:
    """List the first few of many people, by name in own pictures."""
    return some([names.get(identity, identity) for identity in identities])


def require_disjoint(
    folder: Path, splits: Mapping[str, Sequence[int]], names: Mapping[int, str], on_defect: OnDefect
) -> dict[str, list[int]]:
    """Check that no identity is in two lists.

    Args:
        folder: folder of the lists `<split>_id.txt`.
        splits: split → its identities.
        names: identity → name in own pictures.
        on_defect: called for each pair of lists with common people.

    Returns:
        The splits; people in several splits are kept in the first.
    """
    taken: dict[str, list[int]] = {}
    for split, identities in splits.items():
        for earlier in taken:
            shared = sorted(set(splits[earlier]) & set(identities))
            if shared:
                on_defect(
                    f"{folder}: expected no identity in both {earlier}_id.txt and {split}_id.txt, "
                    f"found {some_people(shared, names)}; take them off one of the two"
                )
        before = set().union(*taken.values())
        taken[split] = [identity for identity in identities if identity not in before]
    return taken


def require_pictures(
    file: Path, identities: Sequence[int], table: Samples, names: Mapping[int, str], on_defect: OnDefect
) -> None:
    """Check that every listed identity has a picture in its table."""
    missing = sorted(set(identities) - set(table.people.tolist()))
    if missing:
        on_defect(
            f"{file}: expected pictures of every identity listed, found none of {some_people(missing, names)}; "
            f"unpack them or take them off the list"
        )


def require_both_modalities(
    where: Path, tables: Sequence[Samples], people_lists: str, names: Mapping[int, str], on_defect: OnDefect
) -> None:
    """Check that every identity of the training and validation tables has pictures in both modalities."""
    everybody = concatenate(list(tables))
    for modality in Modality:
        missing = np.setdiff1d(everybody.people, everybody.of(modality).people).tolist()
        if missing:
            on_defect(
                f"{where}: expected {modality.name.lower()} pictures of every training and validation identity, "
                f"found none of {some_people(missing, names)}; add them or take them off {people_lists}"
            )
