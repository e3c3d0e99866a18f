"""Inspects a data set whole: every defect of its lists and files at once, what it holds, and what is worth knowing.

A defect stands in the way of training or evaluating, a note does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mvd.data.arrays import Progress
from mvd.data.examining import Examined, examine_all
from mvd.data.layouts import scan
from mvd.data.layouts.defects import some_people
from mvd.data.samples import Dataset, Modality, Samples, concatenate
from mvd.errors import DatasetError


class SplitCounts(NamedTuple):
    """What one of the three tables holds: people, pictures of each modality, and its cameras, ascending."""

    name: str
    people: int
    visible: int
    infrared: int
    cameras: tuple[int, ...]


class CameraCounts(NamedTuple):
    """What a camera saw in one modality; camera 0 where it is not known."""

    camera: int
    modality: Modality
    people: int
    pictures: int


class Sizes(NamedTuple):
    """(height, width) in pixels of the smallest, the median and the largest picture, by the number of pixels."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What an inspection found.

    Attributes:
        data: the folder or table that was inspected.
        dataset: what was scanned, without what is defect; None if it could not be scanned at all.
        defects: a line each; first those of lists and folders, then those of files.
        splits: counts of train, validation and test.
        cameras: counts of each camera and modality.
        sizes: of the pictures that could be decoded; None if none could.
        notes: a line each.
    """

    data: Path
    dataset: Dataset | None
    defects: tuple[str, ...]
    splits: tuple[SplitCounts, ...] = ()
    cameras: tuple[CameraCounts, ...] = ()
    sizes: Sizes | None = None
    notes: tuple[str, ...] = ()


def inspect(data: Path, *, trial: int = 1, workers: int = 0, progress: Progress | None = None) -> Inspection:
    """Scan a data set, decode every picture, and tell all that is wrong.

    Args:
        data: its folder, or a CSV table of own data.
        trial: which split of RegDB, 1 … 10; of no meaning elsewhere.
        workers: threads; 0 means one for each core.
        progress: called with (pictures done, pictures in all).
    """
    defects: list[str] = []
    try:
        dataset = scan(data, trial=trial, report=lambda defect: defects.append(str(defect)))
    except DatasetError as defect:
        return Inspection(data=data, dataset=None, defects=(*defects, str(defect)))
    everything = concatenate([dataset.train, dataset.validation, dataset.test])
    found: list[Examined | None] = []
    for done, seen in enumerate(examine_all(dataset.root, everything.paths.tolist(), workers), start=1):
        if isinstance(seen, DatasetError):
            defects.append(str(seen))
        found.append(None if isinstance(seen, DatasetError) else seen)
        if progress is not None:
            progress(done, len(everything))
    defects += _shared_files(dataset, everything, found)
    return Inspection(
        data=data,
        dataset=dataset,
        defects=tuple(dict.fromkeys(defects)),  # a folder may have been read, and found wanting, twice
        splits=tuple(_count_split(name, getattr(dataset, name)) for name in ("train", "validation", "test")),
        cameras=tuple(_count_cameras(everything)),
        sizes=_sizes([seen for seen in found if seen]),
        notes=(*_unmatched(dataset), *_unexpected_colours(everything, found)),
    )


def _count_split(name: str, table: Samples) -> SplitCounts:
    visible, infrared = (len(table.of(modality)) for modality in Modality)
    return SplitCounts(name, len(table.people), visible, infrared, tuple(np.unique(table.cameras).tolist()))


def _count_cameras(table: Samples) -> list[CameraCounts]:
    counts = []
    for camera, modality in sorted(set(zip(table.cameras.tolist(), table.modalities.tolist(), strict=True))):
        seen = table.take((table.cameras == camera) & (table.modalities == modality))
        counts.append(CameraCounts(camera, Modality(modality), len(seen.people), len(seen)))
    return counts


def _sizes(found: Sequence[Examined]) -> Sizes | None:
    if not found:
        return None
    ordered = sorted(((seen.height, seen.width) for seen in found), key=lambda size: (size[0] * size[1], size))
    return Sizes(ordered[0], ordered[len(ordered) // 2], ordered[-1])


def _shared_files(dataset: Dataset, table: Samples, found: Sequence[Examined | None]) -> list[str]:
    """Name the people who share files, those of one content, with one such file of each."""
    files: dict[bytes, dict[int, str]] = {}
    for path, identity, seen in zip(table.paths.tolist(), table.identities.tolist(), found, strict=True):
        if seen:
            files.setdefault(seen.digest, {}).setdefault(identity, path)
    shared = [people for people in files.values() if len(people) > 1]
    counts = Counter(tuple(people) for people in shared)
    examples = {tuple(people): people for people in reversed(shared)}
    return [
        f"{dataset.root}: expected different pictures of different people, found {counts[people]} in common, such as "
        + " and ".join(f"{path} (identity {dataset.names.get(i, i)})" for i, path in examples[people].items())
        + "; find out who it is and remove the other"
        for people in counts
    ]


def _unmatched(dataset: Dataset) -> list[str]:
    """Say which test people ask in vain, because the other modality has no picture of them."""
    test, notes = dataset.test, []
    for asking, searched in ((Modality.VISIBLE, Modality.INFRARED), (Modality.INFRARED, Modality.VISIBLE)):
        people = np.setdiff1d(test.of(asking).people, test.of(searched).people)
        if people.size:
            pictures = int(np.isin(test.of(asking).identities, people).sum())
            notes.append(
                f"test people without {searched.name.lower()} pictures: {len(people)} "
                f"({some_people(people.tolist(), dataset.names)}); {pictures} queries have no match"
            )
    return notes


def _unexpected_colours(table: Samples, found: Sequence[Examined | None]) -> list[str]:
    """Count the visible pictures without colour and the infrared ones with it."""
    seen = [(modality, look.colour) for modality, look in zip(table.modalities.tolist(), found, strict=True) if look]
    notes = []
    for modality, colour, what in (
        (Modality.VISIBLE, False, "visible pictures are grey throughout"),
        (Modality.INFRARED, True, "infrared pictures have colour"),
    ):
        count = seen.count((modality, colour))
        if count:
            notes.append(f"{count:,} of {seen.count((modality, colour)) + seen.count((modality, not colour)):,} {what}")
    return notes
