"""Check a whole data set: all defects of its lists and files at once, counts, and notes.

A defect prevents training or evaluation; a note does not. Every file is decoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from mvd.data.checking.notes import take_notes
from mvd.data.checking.passed_over import passed_over
from mvd.data.checking.picture_info import PictureInfo, inspect_pictures
from mvd.data.layouts import scan
from mvd.data.progress import Progress
from mvd.data.samples import JUNK, Dataset, Modality, Samples, concatenate
from mvd.errors import DatasetError

Purpose = Literal["train", "prepare", "test"]
"""Training, preparing into the default folder, and testing."""


class SplitCounts(NamedTuple):
    """People, pictures of each modality and cameras (ascending) of a split."""

    name: str
    people: int
    visible: int
    infrared: int
    cameras: tuple[int, ...]


class CameraCounts(NamedTuple):
    """People and pictures of one camera and modality; camera 0 means unknown."""

    camera: int
    modality: Modality
    people: int
    pictures: int


class Sizes(NamedTuple):
    """Smallest, median and largest picture by number of pixels, (height, width) each."""

    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Result of `check_dataset`.

    Attributes:
        data: the folder or table.
        dataset: the scanned data set without its defective parts; None if it could not be scanned.
        defects: one line each; defects of lists and folders come before defects of files.
        splits: counts of train, validation and test.
        cameras: counts of each camera and modality.
        sizes: sizes of the decoded pictures; None if no picture could be decoded.
        notes: one line each.
        ready: purposes that were rehearsed without defects; empty before a rehearsal (`mvd.commands.data.check`).
    """

    data: Path
    dataset: Dataset | None
    defects: tuple[str, ...]
    splits: tuple[SplitCounts, ...] = ()
    cameras: tuple[CameraCounts, ...] = ()
    sizes: Sizes | None = None
    notes: tuple[str, ...] = ()
    ready: tuple[Purpose, ...] = ()


def check_dataset(
    data: str | Path, *, trial: int = 1, workers: int = 0, progress: Progress | None = None
) -> Inspection:
    """Scan a data set, decode every picture, and collect all defects.

    Args:
        data: folder of the data set, or CSV table of own pictures.
        trial: RegDB's split, 1 … 10; ignored elsewhere.
        workers: workers that decode pictures; 0 means one per core.
        progress: called with (pictures done, total pictures).
    """
    data = Path(data)
    defects: list[str] = []
    try:
        dataset = scan(data, trial=trial, on_defect=defects.append)
    except DatasetError as defect:
        return Inspection(data=data, dataset=None, defects=(*defects, str(defect)))
    everything = concatenate([dataset.train, dataset.validation, dataset.test])
    found: list[PictureInfo | None] = []
    for done, seen in enumerate(inspect_pictures(dataset.root, everything.paths.tolist(), workers), start=1):
        if isinstance(seen, DatasetError):
            defects.append(str(seen))
        found.append(None if isinstance(seen, DatasetError) else seen)
        if progress is not None:
            progress(done, len(everything))
    defects += _shared_files(dataset, everything, found)
    return Inspection(
        data=data,
        dataset=dataset,
        defects=tuple(dict.fromkeys(defects)),  # a folder may have been read twice, with the same defect
        splits=tuple(_count_split(name, getattr(dataset, name)) for name in ("train", "validation", "test")),
        cameras=tuple(_count_cameras(everything)),
        sizes=_sizes([seen for seen in found if seen]),
        notes=(*take_notes(dataset, everything, found), *passed_over(dataset)),
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


def _sizes(found: Sequence[PictureInfo]) -> Sizes | None:
    if not found:
        return None
    ordered = sorted(((seen.height, seen.width) for seen in found), key=lambda size: (size[0] * size[1], size))
    return Sizes(ordered[0], ordered[len(ordered) // 2], ordered[-1])


def _shared_files(dataset: Dataset, table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
    """Name the people who share files with equal content, with an example file of each."""
    files: dict[bytes, dict[int, str]] = {}
    for path, identity, seen in zip(table.paths.tolist(), table.identities.tolist(), found, strict=True):
        if seen:
            files.setdefault(seen.digest, {}).setdefault(identity, path)
    shared = [people for people in files.values() if len(people) > 1]
    counts = Counter(tuple(people) for people in shared)
    examples = {tuple(people): people for people in reversed(shared)}
    return [
        f"{dataset.root}: expected different pictures of different people, found {counts[people]} in common, such as "
        + " and ".join(
            f"{path} (identity {'junk' if i == JUNK else dataset.names.get(i, i)})"
            for i, path in examples[people].items()
        )
        + "; find out who it is and remove the other"
        for people in counts
    ]
