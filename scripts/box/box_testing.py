"""Tests a network on rendered people it has not seen: rank-1 and mAP, visible, near-infrared and thermal queries.

A query is one picture; the gallery holds every other visible picture of everybody held out. Cameras and places are new
in each picture, so nothing is left out of the gallery but the query.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from box_network import HEIGHT, WIDTH, BoxNetwork, Program
from box_pictures import SENSORS, Pixels
from PIL import Image

from mvd.metrics.calibration import Calibration, learn_calibration
from mvd.synthetic import VARIED_RIG

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Embed = Callable[[Pixels], Floats]

_NAMES = ("visible", "near-infrared", "thermal")
_KINDS = np.array([VARIED_RIG.place_of(sensor) for sensor in SENSORS])


def score_people(network: BoxNetwork, people: list[Pixels]) -> dict[str, float]:
    """Compute rank-1 and mAP, 0 to 1, of a network on held-out people."""
    program = Program(network).eval()

    def embed(pictures: Pixels) -> Floats:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return np.asarray(program(torch.from_numpy(pictures)).float())

    return score(embed_people(embed, people))


class Embedded(NamedTuple):
    """Held-out people: descriptors (N, D), the number of each person and the kind of each picture (N,)."""

    features: Floats
    labels: Numbers
    kinds: Numbers


def score(people: Embedded) -> dict[str, float]:
    """Compute rank-1 and mAP, 0 to 1."""
    features, labels, kinds = people
    gallery = np.flatnonzero(kinds == 0)
    figures = dict[str, float]()
    for kind, name in enumerate(_NAMES):
        first, precision = [], []
        for query in np.flatnonzero(kinds == kind):
            others = gallery[gallery != query]
            hits = labels[others[np.argsort(-(features[others] @ features[query]), kind="stable")]] == labels[query]
            places = np.flatnonzero(hits)
            first.append(places[0] == 0)
            precision.append(np.mean((np.arange(len(places)) + 1) / (places + 1)))
        figures[f"{name} rank-1"] = round(float(np.mean(first)), 4)
        figures[f"{name} mAP"] = round(float(np.mean(precision)), 4)
    return figures


def calibrate(people: Embedded, fingerprint: str) -> Calibration:
    """Learn what similarities of visible and near-infrared pictures mean, on held-out people."""
    features, labels, kinds = people
    kept = kinds < _NAMES.index("thermal")
    count = len(np.unique(labels))
    return learn_calibration(features[kept], labels[kept], kinds[kept], model=fingerprint,
                             data=f"{count} held-out rendered people, visible and near-infrared")  # fmt: skip


def embed_people(embed: Embed, people: list[Pixels]) -> Embedded:
    """Embed all pictures of people by a function from pictures (B, H, W, 3) to descriptors (B, D)."""
    pictures = np.concatenate(people)
    count, each = pictures.shape[:2]
    flat = pictures.reshape(-1, *pictures.shape[2:])
    resized = np.stack(
        [np.asarray(Image.fromarray(one).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)) for one in flat]
    )
    features = np.concatenate([embed(resized[k : k + 100]) for k in range(0, len(resized), 100)])
    return Embedded(features, np.repeat(np.arange(count), each), np.tile(_KINDS, count))


def score_real(video: Path, program: Path) -> dict[str, Any]:
    """Measure a program, a histogram of colours and chance on the crops of benchmarks/real_crops.py, for the card."""
    sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
    import real_crops
    import real_tracks

    crops = real_crops.labelled(real_tracks.cut_crops(real_tracks.read_frames(video), 8))
    embeds: dict[str, real_crops.Embed] = {
        "rendered": real_crops.Program(program),
        "colour histogram": real_crops.colours,
        "chance": partial(real_crops.noise, 0),
    }
    measured = {name: real_crops.measure(embed, crops) for name, embed in embeds.items()}
    people, tracks = len(set(crops.labels.tolist())), len(set(crops.tracks.tolist()))
    return {
        "described": f"{len(crops.pictures)} crops of {people} people in {tracks} tracks",
        "tests": list(measured["rendered"]),
        "rows": {name: [f"{one.first:.1%} / {one.precision:.1%}" for one in tests.values()]
                 for name, tests in measured.items()},
    }  # fmt: skip
