"""The rendered people that the model in the box is trained and tested on, as arrays on the disk.

Each file holds the pictures of `_CHUNK` people, (people, pictures, H, W, 3) uint8, and is written whole: rendering that
was stopped goes on with the next file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.config.difficulty import Difficulty
from mvd.data.samples import Modality
from mvd.data.workers import run_unordered
from mvd.files.atomic import replacing
from mvd.synthetic import VARIED_RIG, SyntheticConfig, even_plan, render

Pixels = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 144, 72
"""Size of the stored pictures; training crops 128 × 64 from them."""

SENSORS = tuple(VARIED_RIG.sensors[k] for k in (0, 0, 0, 0, 1, 1, 2))
"""A person's pictures: four visible, two near-infrared, one thermal."""

MODALITIES = np.array([sensor.modality is Modality.INFRARED for sensor in SENSORS], np.int64)
DIFFICULTY = Difficulty(occlusion=0.15)

_CHUNK = 100


def render_people(
    folder: Path, seed: int, first: int, count: int, *, workers: int, say: Callable[[str], None]
) -> list[Pixels]:
    """Render the identities first … first + count − 1, as far as they are not there, and map them into memory."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(first, first + count, _CHUNK)
    spans = [(start, min(_CHUNK, first + count - start)) for start in starts]
    files = [folder / f"{seed}-{start:04d}-{people}.npy" for start, people in spans]
    missing = [(span, file) for span, file in zip(spans, files, strict=True) if not file.exists()]
    if missing:
        say(f"rendering {sum(span[1] for span, _ in missing) * len(SENSORS):,} pictures into {folder}")
        for done, _ in enumerate(run_unordered(partial(_render_file, seed), missing, workers), start=1):
            say(f"{done} of {len(missing)} files")
    return [np.load(file, mmap_mode="r") for file in files]


def _render_file(seed: int, job: tuple[tuple[int, int], Path]) -> None:
    (first, count), file = job
    config = SyntheticConfig(
        seed=seed,
        plan=even_plan(train=1, validation=0, test=1, pictures=1, rig=VARIED_RIG),
        height=VARIED_RIG.height,
        difficulty=DIFFICULTY,
    )
    pictures = np.empty((count, len(SENSORS), HEIGHT, WIDTH, 3), np.uint8)
    for person in range(count):
        for place, sensor in enumerate(SENSORS):
            drawn = Image.fromarray(render(config, first + person, sensor, place + 1))
            pictures[person, place] = np.asarray(drawn.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))
    with replacing(file) as temporary, temporary.open("wb") as out:
        np.save(out, pictures)
