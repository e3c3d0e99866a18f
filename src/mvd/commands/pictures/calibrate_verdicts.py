"""Verdicts on search results, marked on the page of a gallery, as input of `mvd calibrate`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mvd.commands.pictures.gallery_pictures import find_gallery
from mvd.data.progress import Note
from mvd.errors import GalleryError
from mvd.files.several import several
from mvd.gallery.verdicts import VERDICTS, Verdict, read_verdicts
from mvd.metrics.calibration import Calibration
from mvd.metrics.calibration.pair_statistics import pair_name
from mvd.metrics.calibration.platt import Judged, fit_slope
from mvd.results.calibrate import VerdictCheck


def read_galleries(galleries: str | Path | Sequence[str | Path]) -> dict[Path, list[Verdict]]:
    """Read the verdicts in the folders of galleries.

    Raises:
        GalleryError: a folder is not a gallery, or a line is damaged.
    """
    found = {}
    for gallery in several(galleries):
        folder = find_gallery(gallery)[0].folder
        if folder is None or not folder.is_dir():
            raise GalleryError(
                f"{gallery}: expected the folder of a gallery, found none; name one that mvd serve was used with"
            )
        found[folder] = read_verdicts(folder)
    return found


def group_verdicts(verdicts: Mapping[Path, Sequence[Verdict]], model: str, note: Note) -> dict[tuple[int, int], Judged]:
    """Group verdicts by the modalities (query, gallery).

    Verdicts on searches with several pictures are ignored, because similarities to a mean embedding are distributed
    differently from those of two pictures. Verdicts on similarities of another model are ignored too.

    Args:
        verdicts: verdicts by gallery.
        model: the model's fingerprint.
        note: called with a line about ignored verdicts.
    """
    found = defaultdict[tuple[int, int], list[Verdict]](list)
    for folder, all_of_it in verdicts.items():
        if not all_of_it:
            note(f"{folder}: no {VERDICTS}: nothing has been marked as right or wrong there yet")
        other = sum(one.model != model for one in all_of_it)
        several = sum(one.model == model and one.pictures != 1 for one in all_of_it)
        for left_out, why in ((other, "similarities of another model"), (several, "searches with several pictures")):
            if left_out:
                note(f"{folder}: {left_out} of {len(all_of_it)} verdicts left out: on {why}")
        for one in all_of_it:
            if one.model == model and one.pictures == 1:
                found[one.query_modality, one.gallery_modality].append(one)
    return {pair: _judged(those) for pair, those in found.items()}


def check_verdicts(
    judged: Mapping[tuple[int, int], Judged], calibration: Calibration, plain: Calibration
) -> dict[str, VerdictCheck]:
    """Compare the slopes of a calibration with verdicts and one without, by pair of modalities."""
    return {
        name: VerdictCheck(
            queries=len(np.unique(one.queries)),
            right=int(one.same.sum()),
            wrong=int((~one.same).sum()),
            held_out=plain.pairs[name].slope,
            judged=fit_slope(one) if one.enough else None,
            slope=calibration.pairs[name].slope,
        )
        for name, one in ((pair_name(*pair), one) for pair, one in judged.items())
        if name in plain.pairs
    }


def _judged(verdicts: Sequence[Verdict]) -> Judged:
    return Judged(
        similarities=np.array([one.similarity for one in verdicts]),
        same=np.array([one.same for one in verdicts]),
        queries=np.unique([one.query for one in verdicts], return_inverse=True)[1],
    )
