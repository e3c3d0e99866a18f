"""Detect, track, crop and name the people in a public video, for `real_crops.py`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels: TypeAlias = npt.NDArray[np.uint8]

_DIFFERENT = 28  # grey levels
_SIZES = (38, 170)  # of boxes, heights in pixels
_ASPECTS = (1.35, 4.2)  # height by width
_LOST = 4  # frames after which a track ends

PEOPLE: dict[str, tuple[tuple[int, int, int], ...]] = {
    "bald": ((96, 596, 202), (200, 501, 185), (280, 126, 182), (528, 480, 242), (616, 144, 176), (648, 151, 183),
             (760, 667, 255)),
    "jeans": ((136, 395, 227), (208, 676, 349), (240, 467, 303), (456, 348, 255), (696, 181, 203)),
    "paper": ((192, 684, 284), (392, 674, 343), (264, 528, 292), (560, 600, 198)),
    "glasses": ((232, 674, 254), (392, 591, 175), (432, 529, 193), (560, 657, 360), (608, 654, 360), (656, 476, 255)),
    "red": ((448, 590, 297), (560, 99, 205), (736, 621, 147), (776, 685, 167)),
    "red and navy": ((656, 643, 225),),
    "curly": ((648, 362, 448), (696, 133, 354)),
    "light blue": ((208, 53, 181),),
    "at the cone": ((248, 55, 212),),
}  # fmt: skip
"""Who is where: a frame and a spot in it, for each track of a person."""


class Box(NamedTuple):
    """A box in a frame: left, top, right and bottom pixels."""

    left: int
    top: int
    right: int
    bottom: int


class Crop(NamedTuple):
    """One crop of a track, at a frame."""

    track: int
    frame: int
    box: Box
    picture: Pixels


def read_frames(video: Path) -> list[Pixels]:
    """Read all frames, RGB."""
    reader, frames = cv2.VideoCapture(str(video)), list[Pixels]()
    while True:
        found, frame = reader.read()
        if not found:
            break
        frames.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))
    if not frames:
        raise SystemExit(f"{video}: expected a video that OpenCV reads, found none; give the path of vtest.avi")
    return frames


def cut_crops(frames: list[Pixels], every: int) -> list[Crop]:
    """Follow everybody who is alone in a box, and cut one crop every few frames."""
    behind = np.median(np.stack(frames[::12]), axis=0).astype(np.int16)
    crops, alive, count = list[Crop](), dict[int, tuple[int, Box]](), 0
    for number, frame in enumerate(frames):
        boxes = find_boxes(frame, behind)
        pairs = sorted(
            ((overlap(last, box), track, box) for track, (_, last) in alive.items() for box in boxes), reverse=True
        )
        taken, now = set[Box](), dict[int, tuple[int, Box]]()
        for share, track, box in pairs:
            if share > 0.35 and track not in now and box not in taken and alike(alive[track][1], box):
                now[track] = (number, box)
                taken.add(box)
        for box in boxes:
            if box not in taken:
                now[count] = (number, box)
                count += 1
        for track, (seen, box) in now.items():
            if seen == number and number % every == 0:
                crops.append(Crop(track, number, box, cut(frame, box)))
        lost = {t: (seen, box) for t, (seen, box) in alive.items() if t not in now and number - seen < _LOST}
        alive = now | lost
    lengths = {track: sum(crop.track == track for crop in crops) for track in {crop.track for crop in crops}}
    return [crop for crop in crops if lengths[crop.track] >= 3]


def find_boxes(frame: Pixels, behind: npt.NDArray[np.int16]) -> list[Box]:
    """Find what differs from the empty scene and has the shape of one upright person."""
    mask = (np.abs(frame.astype(np.int16) - behind).max(axis=2) > _DIFFERENT).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((11, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    boxes = []
    for left, top, wide, high, area in stats[1:].tolist():
        inside = left > 2 and top > 2 and left + wide < frame.shape[1] - 2 and top + high < frame.shape[0] - 2
        shaped = _SIZES[0] <= high <= _SIZES[1] and _ASPECTS[0] <= high / wide <= _ASPECTS[1]
        if inside and shaped and area > 0.3 * wide * high:
            boxes.append(Box(left, top, left + wide, top + high))
    return boxes


def name_tracks(crops: list[Crop]) -> dict[int, str]:
    """Find the tracks of everybody in PEOPLE.

    Raises:
        SystemExit: a track was not found, as when another version of OpenCV finds other boxes.
    """
    names = {}
    for name, spots in PEOPLE.items():
        for frame, x, y in spots:
            here = [crop.track for crop in crops if crop.frame == frame
                    and crop.box.left <= x < crop.box.right and crop.box.top <= y < crop.box.bottom]  # fmt: skip
            if len(here) != 1:
                raise SystemExit(f"frame {frame}: expected one track at ({x}, {y}), found {len(here)}; see --sheet")
            names[here[0]] = name
    return names


def overlap(one: Box, other: Box) -> float:
    """Divide the common area of two boxes by that of both."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(wide, 0) * max(high, 0)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (one, other)]
    return common / (sum(areas) - common)


def alike(one: Box, other: Box) -> bool:
    """Whether two boxes have nearly one size; people who meet become one box, which does not."""
    pairs = ((one.right - one.left, other.right - other.left), (one.bottom - one.top, other.bottom - other.top))
    return all(0.7 < a / b < 1.43 for a, b in pairs)


def cut(frame: Pixels, box: Box) -> Pixels:
    """Cut a box with a margin of 6 % of its height."""
    margin = round(0.06 * (box.bottom - box.top))
    top, left = max(0, box.top - margin), max(0, box.left - margin)
    return frame[top : box.bottom + margin, left : box.right + margin]


def draw_tracks(crops: list[Crop]) -> Image.Image:
    """Draw every track as a row of crops with its number and first frame."""
    from PIL import ImageDraw

    tracks = sorted({crop.track for crop in crops})
    sheet = Image.new("RGB", (60 + 14 * 42, 84 * len(tracks)), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for row, track in enumerate(tracks):
        own = [crop for crop in crops if crop.track == track]
        draw.text((2, 84 * row + 20), f"{track}\n{own[0].frame}-{own[-1].frame}\n{len(own)}", fill=(0, 0, 0))
        chosen = [own[k * len(own) // min(14, len(own))] for k in range(min(14, len(own)))]
        for column, crop in enumerate(chosen):
            sheet.paste(Image.fromarray(crop.picture).resize((40, 80)), (60 + 42 * column, 84 * row + 2))
    return sheet
