"""Evaluates an encoder on pictures of real people: crops of a public video, labelled by tracking.

Usage: python benchmarks/real_crops.py vtest.avi model.onnx … [--sheet tracks.png] [--every 8]

The video is OpenCV's `vtest.avi` (795 frames of 768 × 576, people who walk over a yard, seen from above; in Debian's
package opencv-doc, in OpenCV's repository under samples/data). Nothing is trained on it. People are cropped where a
frame differs from the median of all frames, and tracked from frame to frame while their boxes overlap and are isolated.
Tracks of one person, who was occluded by a post or by others, were joined by eye (PEOPLE); all other tracks are
omitted.

A model is an ONNX program of `mvd export` (from pictures or images to descriptors), or "colours": a histogram of
colours in three strips. The query is one crop; the gallery contains the crops of all people in all other tracks, so
that a match was taken at another time and place. Three tests:

- filmed: the unchanged crops. One camera, one afternoon: a histogram of colours is hard to beat.
- other cameras: each track has its own colour cast, gamma and resolution, drawn from its number.
- grey queries: the same in grey against the same in colour, the closest approximation of an infrared query here. Real
  infrared light shows cloth differently.

Printed: rank-1 / mAP of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from real_tracks import PEOPLE, Crop, Pixels, cut_crops, draw_tracks, name_tracks, read_frames

Floats: TypeAlias = npt.NDArray[np.float32]
Embed: TypeAlias = Callable[[list[Pixels]], Floats]


def main() -> None:
    """Cut the crops and print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("models", nargs="*", default=["colours"])
    parser.add_argument("--every", type=int, default=8, choices=(1, 2, 4, 8),
                        help="frames from one crop of a track to its next")  # fmt: skip
    parser.add_argument("--sheet", type=Path, help="draw every track into this picture file")
    arguments = parser.parse_args()
    crops = cut_crops(read_frames(arguments.video), arguments.every)
    if arguments.sheet:
        draw_tracks(crops).save(arguments.sheet)
    known = labelled(crops)
    tests = [measure(partial(noise, k), known) for k in range(20)]
    chance = {name: (np.mean([one[name].first for one in tests]), np.mean([one[name].precision for one in tests]))
              for name in tests[0]}  # fmt: skip
    print(f"{len(known.pictures)} crops of {len(set(known.labels.tolist()))} people in "
          f"{len(set(known.tracks.tolist()))} tracks, {tests[0]['filmed'].queries} queries")  # fmt: skip
    print("| model | " + " | ".join(chance) + " |\n|---" + "|---" * len(chance) + "|")
    print("| chance | " + " | ".join(f"{first:.1%} / {mean:.1%}" for first, mean in chance.values()) + " |")
    for model in arguments.models:
        figures = measure(colours if model == "colours" else Program(Path(model)), known).values()
        print(f"| {model} | " + " | ".join(f"{one.first:.1%} / {one.precision:.1%}" for one in figures) + " |")


class Labelled(NamedTuple):
    """Crops of known people: pictures, the number of each person (N,) and of each track (N,)."""

    pictures: list[Pixels]
    labels: npt.NDArray[np.int64]
    tracks: npt.NDArray[np.int64]


def labelled(crops: list[Crop]) -> Labelled:
    """Keep the crops of everybody in PEOPLE."""
    persons = name_tracks(crops)
    kept, names = [crop for crop in crops if crop.track in persons], sorted(PEOPLE)
    labels = [names.index(persons[crop.track]) for crop in kept]
    return Labelled([crop.picture for crop in kept], np.array(labels), np.array([crop.track for crop in kept]))


def measure(embed: Embed, crops: Labelled) -> dict[str, Ranked]:
    """Rank the crops in the three tests, by name."""
    others = [through_other_camera(one, int(track)) for one, track in zip(crops.pictures, crops.tracks, strict=True)]
    grey = [np.asarray(Image.fromarray(one).convert("L").convert("RGB")) for one in others]
    by_filmed, by_others, by_grey = embed(crops.pictures), embed(others), embed(grey)
    pairs = {
        "filmed": (by_filmed, by_filmed),
        "other cameras": (by_others, by_others),
        "grey queries": (by_grey, by_others),
    }
    return {name: rank(*pair, crops.labels, crops.tracks) for name, pair in pairs.items()}


def through_other_camera(picture: Pixels, track: int) -> Pixels:
    """Change the colours, gamma and resolution of a picture, for all pictures of a track alike."""
    rng = np.random.default_rng(track)
    values = np.clip(picture / 255 * rng.uniform(0.75, 1.25, 3), 0, 1) ** rng.uniform(0.65, 1.5)
    high, wide = (round(side * rng.uniform(0.4, 1.0)) for side in picture.shape[:2])
    changed = Image.fromarray((255 * values).astype(np.uint8))
    return np.asarray(changed.resize((max(8, wide), max(16, high)), Image.Resampling.BILINEAR))


class Ranked(NamedTuple):
    """Queries that have a match, and the means of their rank-1 and average precision."""

    queries: int
    first: float
    precision: float


def rank(queries: Floats, gallery: Floats, labels: npt.NDArray[np.int64], tracks: npt.NDArray[np.int64]) -> Ranked:
    """Rank each query's gallery, all crops of other tracks, by cosine."""
    similarity = unit(queries) @ unit(gallery).T
    first, precision = [], []
    for k in range(len(labels)):
        order = np.argsort(-similarity[k], kind="stable")
        places = np.flatnonzero(labels[order[tracks[order] != tracks[k]]] == labels[k])
        if len(places):
            first.append(places[0] == 0)
            precision.append(np.mean((np.arange(len(places)) + 1) / (places + 1)))
    return Ranked(len(first), float(np.mean(first)), float(np.mean(precision)))


def noise(seed: int, pictures: list[Pixels]) -> Floats:
    """Draw descriptors that know nothing."""
    return np.random.default_rng(seed).standard_normal((len(pictures), 64), np.float32)


def unit(features: Floats) -> Floats:
    """Divide rows by their length."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-12), np.float32)


def colours(pictures: list[Pixels]) -> Floats:
    """Describe pictures by a histogram of hue, saturation and value in three strips, its root taken."""
    rows = []
    for picture in pictures:
        hsv = cv2.cvtColor(cv2.resize(picture, (48, 96)), cv2.COLOR_RGB2HSV)[:, 10:38]
        strips = [cv2.calcHist([strip], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()
                  for strip in np.split(hsv, 3)]  # fmt: skip
        rows.append(np.sqrt(np.concatenate(strips)))
    return np.array(rows, np.float32)


class Program:
    """An ONNX program with pictures or normalised images as its input."""

    def __init__(self, file: Path) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def __call__(self, pictures: list[Pixels]) -> Floats:
        """Embed pictures of any size: (N, D)."""
        inside = self._input.name == "pictures"
        height, width = self._input.shape[1:3] if inside else self._input.shape[2:4]
        resized = np.stack([np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.LANCZOS))
                            for one in pictures])  # fmt: skip
        if not inside:
            from mvd.inference.onnx_models import normalise

            resized = normalise(resized)
        return np.concatenate([self._session.run(None, {self._input.name: resized[k : k + 64]})[0]
                               for k in range(0, len(resized), 64)])  # fmt: skip


if __name__ == "__main__":
    main()
