"""Tests a network on rendered people it has not seen: rank-1 and mAP, visible, near-infrared and thermal queries.

A query is one picture; the gallery holds every other visible picture of everybody held out. Cameras and places are new
in each picture, so nothing is left out of the gallery but the query.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from network import HEIGHT, WIDTH, BoxNetwork, Program
from pictures import SENSORS, Pixels
from PIL import Image

from mvd.synthetic import VARIED_RIG

_NAMES = ("visible", "near-infrared", "thermal")
_KINDS = np.array([VARIED_RIG.place_of(sensor) for sensor in SENSORS])


def score_people(network: BoxNetwork, people: list[Pixels]) -> dict[str, float]:
    """Compute rank-1 and mAP, 0 to 1, of a network on held-out people."""
    program = Program(network).eval()

    def embed(pictures: Pixels) -> npt.NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return np.asarray(program(torch.from_numpy(pictures)).float())

    return score(embed, people)


def score(embed: Callable[[Pixels], npt.NDArray[np.float32]], people: list[Pixels]) -> dict[str, float]:
    """Compute rank-1 and mAP, 0 to 1, of a function from pictures (B, H, W, 3) to descriptors (B, D)."""
    pictures = np.concatenate(people)
    count, each = pictures.shape[:2]
    flat = pictures.reshape(-1, *pictures.shape[2:])
    resized = np.stack(
        [np.asarray(Image.fromarray(one).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)) for one in flat]
    )
    features = np.concatenate([embed(resized[k : k + 100]) for k in range(0, len(resized), 100)])
    labels, kinds = np.repeat(np.arange(count), each), np.tile(_KINDS, count)
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
        figures |= {
            f"{name} rank-1": round(float(np.mean(first)), 4),
            f"{name} mAP": round(float(np.mean(precision)), 4),
        }
    return figures


def score_real(video: Path, program: Path) -> dict[str, Any]:
    """Measure a program, a histogram of colours and chance on the crops of benchmarks/real_crops.py, for the card."""
    sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
    import real_crops

    crops = real_crops.labelled(real_crops.cut_crops(real_crops.read_frames(video), 8))
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
