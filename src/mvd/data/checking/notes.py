"""Notes on a data set: properties that do not prevent training or evaluation, but affect or invalidate figures.

Shapes: N pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mvd.data.checking.picture_info import PictureInfo
from mvd.data.layouts.defects import some_people
from mvd.data.samples import JUNK, Dataset, Modality, Samples
from mvd.errors import counted, some

MIN_SIDE = 16  # pixels of height and width; smaller pictures get a note

_FOLDERS = {modality.name.lower() for modality in Modality}  # of own pictures


def take_notes(dataset: Dataset, table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
    """Collect the notes on a data set, one line each.

    Args:
        dataset: the data set.
        table: (N,) all its pictures.
        found: (N,) information on each picture; None if it could not be decoded.
    """
    return [
        *_unmatched(dataset),
        *_junk(dataset),
        *_shared_cameras(dataset, table),
        *_copies(table, found),
        *_nested(dataset, table),
        *_unexpected_colours(table, found),
        *_conversions(dataset, table, found),
    ]


def _unmatched(dataset: Dataset) -> list[str]:
    """Count the test queries without a match because the other modality has no picture of the person."""
    test, notes = dataset.test, []
    for query, gallery in ((Modality.VISIBLE, Modality.INFRARED), (Modality.INFRARED, Modality.VISIBLE)):
        people = np.setdiff1d(test.of(query).people, test.of(gallery).people)
        if people.size:
            pictures = int(np.isin(test.of(query).identities, people).sum())
            notes.append(
                f"test people without {gallery.name.lower()} pictures: {len(people)} "
                f"({some_people(people.tolist(), dataset.names)}); queries without a match: {pictures}"
            )
    return notes


def _junk(dataset: Dataset) -> list[str]:
    junk = dataset.test.paths[dataset.test.identities == JUNK].tolist()
    if not junk:
        return []
    found = counted(len(junk), "test picture")
    return [f"{found} of nobody (junk), such as {junk[0]}: distractors in galleries, never queries"]


def _shared_cameras(dataset: Dataset, table: Samples) -> list[str]:
    """Name the cameras of own pictures that have both modalities, since they count as one device."""
    if dataset.name != "own":
        return []
    visible, infrared = (table.of(modality).cameras for modality in Modality)
    shared = np.setdiff1d(np.intersect1d(visible, infrared), 0).tolist()
    if not shared:
        return []
    return [
        f"cameras with visible and infrared pictures: {some(shared)}; each is taken for one device, and its own "
        f"pictures of a person are no match; if they are two devices, give them different names in the column camera"
    ]


def _copies(table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
    """Count pictures with the same bytes as another picture of the person, within and across modalities."""
    columns = zip(table.paths.tolist(), table.identities.tolist(), table.modalities.tolist(), found, strict=True)
    pictures = [((seen.digest, identity, modality), path) for path, identity, modality, seen in columns if seen]
    first: dict[tuple[bytes, int, int], str] = {}
    again = [(path, known) for key, path in pictures if (known := first.setdefault(key, path)) is not path]
    notes = []
    if again:
        notes.append(
            f"pictures that are there again, for the same person and modality: {len(again):,}, such as {again[0][0]}, "
            f"which is {again[0][1]}: another path to it, a link or a copy; remove them, as they count twice"
        )
    infrared = [((*key[:2], Modality.VISIBLE), path) for key, path in pictures if key[2] == Modality.INFRARED]
    both = [(path, first[visible]) for visible, path in infrared if visible in first]
    if both:
        remedy = (
            "the infrared pictures seem to be the visible ones again, and figures of this data set would mean nothing"
            if 2 * len(both) >= len(infrared)
            else "replace them, as they are found too easily"
        )
        notes.append(
            f"infrared pictures that are copies of visible ones of the same person: {len(both):,} of "
            f"{len(infrared):,}, such as {both[0][0]} of {both[0][1]}; {remedy}"
        )
    return notes


def _nested(dataset: Dataset, table: Samples) -> list[str]:
    """Count the own pictures in subfolders of a person's folder."""
    if dataset.name != "own" or dataset.table is not None:
        return []
    deep = [path for path in table.paths.tolist() if path.count("/") > 2 and path.partition("/")[0] in _FOLDERS]
    if not deep:
        return []
    return [f"pictures in folders within a person's, which count as that person's: {len(deep):,}, such as {deep[0]}"]


def _unexpected_colours(table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
    """Count the visible pictures without colour and the infrared pictures with colour."""
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


def _conversions(dataset: Dataset, table: Samples, found: Sequence[PictureInfo | None]) -> list[str]:
    """Count the pictures that are converted, and the tiny ones, with an example of each kind."""
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
