"""Check a whole data set: all defects of its lists and files at once, counts, and notes.

A defect prevents training or evaluation; a note does not. Every file is decoded. A JPEG is decoded at an eighth of its
size, which reads all of its bytes and so finds truncated files in a fraction of the time; colour is judged at that
size, where compression leaves no traces of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from mvd.data.arrays import Progress
from mvd.data.images import damaged, open_picture, orientation, read_file, reduce_jpeg, to_rgb
from mvd.data.layouts import scan
from mvd.data.layouts.defects import some_people
from mvd.data.samples import Dataset, Modality, Samples, concatenate
from mvd.data.workers import worker_count
from mvd.errors import DatasetError

Purpose = Literal["train", "test"]

MIN_SIDE = 16  # pixels of height and width; smaller pictures are worth a note

_REDUCTION = 8  # the largest that JPEG's decoder offers
_GREY_SPREAD = 10  # largest difference between the channels of a pixel that counts as grey
_CHUNK = 256  # pictures in flight


class SplitCounts(NamedTuple):
    """People, pictures of each modality and cameras (ascending) of a split."""

    name: str
    people: int
    visible: int
    infrared: int
    cameras: tuple[int, ...]


class CameraCounts(NamedTuple):
    """People and pictures of one camera and modality; camera 0 where it is unknown."""

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
        defects: one line each; those of lists and folders before those of files.
        splits: counts of train, validation and test.
        cameras: counts of each camera and modality.
        sizes: of the pictures that could be decoded; None if none could.
        notes: one line each.
        ready: what it was rehearsed for, without defects; empty before a rehearsal (`mvd.commands.check`).
    """

    data: Path
    dataset: Dataset | None
    defects: tuple[str, ...]
    splits: tuple[SplitCounts, ...] = ()
    cameras: tuple[CameraCounts, ...] = ()
    sizes: Sizes | None = None
    notes: tuple[str, ...] = ()
    ready: tuple[Purpose, ...] = ()


class PictureInfo(NamedTuple):
    """What was seen in a picture file.

    Attributes:
        height: in pixels, before it is turned.
        width: in pixels, before it is turned.
        colour: whether it has any.
        digest: hash of the file.
        orientation: EXIF orientation, 1 … 8; 1 is upright.
        animated: whether it has several frames.
        deep: whether it has one channel of more than eight bits, which is scaled.
    """

    height: int
    width: int
    colour: bool
    digest: bytes
    orientation: int
    animated: bool
    deep: bool


def check_dataset(
    data: str | Path, *, trial: int = 1, workers: int = 0, progress: Progress | None = None
) -> Inspection:
    """Scan a data set, decode every picture, and collect all defects.

    Args:
        data: its folder, or the CSV table of own pictures.
        trial: RegDB's split, 1 … 10; ignored elsewhere.
        workers: threads; 0 means one for each core.
        progress: called with (pictures done, pictures in all).
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
        defects=tuple(dict.fromkeys(defects)),  # a folder may have been read, and found wanting, twice
        splits=tuple(_count_split(name, getattr(dataset, name)) for name in ("train", "validation", "test")),
        cameras=tuple(_count_cameras(everything)),
        sizes=_sizes([seen for seen in found if seen]),
        notes=(
            *_unmatched(dataset),
            *_unexpected_colours(everything, found),
            *_conversions(dataset, everything, found),
        ),
    )


def inspect_picture(file: Path) -> PictureInfo:
    """Decode a picture at reduced size.

    Raises:
        DatasetError: the file is missing, empty, truncated, too large or not a picture.
    """
    content = read_file(file)
    if not content:
        raise damaged(file, "expected a picture, found an empty file (0 bytes)")
    with open_picture(file, content) as picture:
        width, height = picture.size
        turn, deep = orientation(picture), picture.mode[0] in "IF"
        animated = bool(getattr(picture, "is_animated", False))
        reduce_jpeg(picture)
        decoded = to_rgb(picture)
        decoded.load()
        # Formats other than JPEG are decoded in full size.
        levels = np.asarray(decoded.reduce(max(1, _REDUCTION * decoded.width // width)), dtype=np.int16)
    colour = (levels.max(axis=2) - levels.min(axis=2)).max() > _GREY_SPREAD
    digest = hashlib.blake2b(content, digest_size=16).digest()
    return PictureInfo(height, width, bool(colour), digest, turn, animated, deep)


def inspect_pictures(root: Path, paths: Sequence[str], workers: int = 0) -> Iterator[PictureInfo | DatasetError]:
    """Decode pictures in several threads and yield what was found in order; an error in place of a damaged one."""

    def inspect(path: str) -> PictureInfo | DatasetError:
        try:
            return inspect_picture(root / path)
        except DatasetError as defect:
            return defect

    with ThreadPoolExecutor(worker_count(workers)) as pool:
        for start in range(0, len(paths), _CHUNK):
            yield from pool.map(inspect, paths[start : start + _CHUNK])


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
    """Name the people who share files of equal content, with one such file of each."""
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
    """Count the test queries without a match, because the other modality has no picture of the person."""
    test, notes = dataset.test, []
    for query, gallery in ((Modality.VISIBLE, Modality.INFRARED), (Modality.INFRARED, Modality.VISIBLE)):
        people = np.setdiff1d(test.of(query).people, test.of(gallery).people)
        if people.size:
            pictures = int(np.isin(test.of(query).identities, people).sum())
            notes.append(
                f"test people without {gallery.name.lower()} pictures: {len(people)} "
                f"({some_people(people.tolist(), dataset.names)}); {pictures} queries have no match"
            )
    return notes


def _conversions(dataset: Dataset, table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
    """Count the pictures that are not taken as they are, and the tiny ones, with one of each kind."""
    turned = "turned upright" if dataset.upright else "not turned, as in the benchmark's own code"
    kinds: tuple[tuple[str, Callable[[PictureInfo], bool]], ...] = (
        (f"smaller than {MIN_SIDE}×{MIN_SIDE} pixels", lambda seen: min(seen.height, seen.width) < MIN_SIDE),
        (f"with an EXIF orientation, {turned}", lambda seen: seen.orientation != 1),
        ("with several frames, of which the first is taken", lambda seen: seen.animated),
        ("with more than eight bits, each scaled by its own range", lambda seen: seen.deep),
    )
    notes = []
    for what, is_one in kinds:
        which = [path for path, seen in zip(table.paths.tolist(), found, strict=True) if seen and is_one(seen)]
        if which:
            notes.append(f"{len(which):,} of {len(found):,} pictures {what}, such as {which[0]}")
    return notes


def _unexpected_colours(table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
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
