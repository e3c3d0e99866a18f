"""`rendered-1`: the fixed data sets of `mvd benchmark`, in the layout of SYSU-MM01 and with its protocol.

The name is a version of the pixels: its seed, people, numbers of pictures and difficulty never change, and a checksum
of decoded pictures verifies that a machine renders the same pixels. A change of any pixel needs the name `rendered-2`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.data.progress import Progress
from mvd.data.workers import worker_count
from mvd.errors import DatasetError
from mvd.files.atomic import write_json
from mvd.files.strict_json import parse_json
from mvd.synthetic import LAYOUTS, SYSU_MM01, Difficulty, Plan, SyntheticConfig, even_plan, write_dataset
from mvd.synthetic.plan import Shot

VERSION = "rendered-1"

SizeName: TypeAlias = Literal["small", "medium", "full"]
Spectrum: TypeAlias = Literal["near-infrared", "thermal"]

_SEED = 20_261_126
_SAMPLE = 240  # pictures in a checksum
_PIXELS = "pixels.json"


@dataclass(frozen=True, kw_only=True)
class Size:
    """A data set of the benchmark.

    Attributes:
        plan: people and pictures.
        height: mean height of the pictures in pixels.
        checksums: first digits of the SHA-256 of decoded pictures, by spectrum.
    """

    plan: Plan
    height: int
    checksums: Mapping[Spectrum, str]

    def config(self, spectrum: Spectrum) -> SyntheticConfig:
        """Return the configuration of the rendering, with the difficulty of `mvd synth`, not of the easier demo."""
        return SyntheticConfig(
            seed=_SEED,
            plan=self.plan,
            height=self.height,
            thermal=spectrum == "thermal",
            difficulty=Difficulty(),
        )


SIZES: Mapping[SizeName, Size] = MappingProxyType(
    {
        "small": Size(
            plan=even_plan(train=480, validation=40, test=100, pictures=2),
            height=128,
            checksums={"near-infrared": "1a82476d345a3bb6", "thermal": "69a703043439b69f"},
        ),
        "medium": Size(
            plan=even_plan(train=800, validation=60, test=150, pictures=4),
            height=160,
            checksums={"near-infrared": "2c7aed66e8ca77b9", "thermal": "98d825e8ff415b61"},
        ),
        "full": Size(
            plan=SYSU_MM01,
            height=240,
            checksums={"near-infrared": "84b9d5d6aee9963e", "thermal": "9467feb8b22984ae"},
        ),
    }
)
"""small: 7,440 pictures of 620 people; medium: 24,240 of 1,010; full: the numbers of SYSU-MM01, 45,863 of 513."""


def plan_of(size: SizeName) -> Plan:
    """Return people and numbers of pictures of a size."""
    return SIZES[size].plan


def render_people(
    folder: Path, size: SizeName, spectrum: Spectrum, *, workers: int = 0, progress: Progress | None = None
) -> bool:
    """Render a data set into a folder, unless it exists, and verify its pixels.

    Returns:
        Whether the pixels are those of `rendered-1`.

    Raises:
        DatasetError: the folder contains something else, or cannot be written.
    """
    config = SIZES[size].config(spectrum)
    record = _record(folder)
    if not folder.exists() or not any(folder.iterdir()):
        write_dataset(folder, config, "sysu", workers=worker_count(workers), progress=progress)
        record.unlink(missing_ok=True)
    if _read_record(record) is None:
        found = checksum(config, lambda shot: _decode(folder / LAYOUTS["sysu"].place(config.plan, shot)))
        write_json(record, _described(size, spectrum) | {"checksum": found})
    return has_right_pixels(folder, size, spectrum)


def picture_space(folder: Path, size: SizeName) -> int:
    """Return an upper bound on the bytes of the pictures that `render_people` will write to a folder."""
    one = SIZES[size]
    rendered = folder.is_dir() and any(folder.iterdir())
    return 0 if rendered else one.plan.pictures * one.height**2  # uncompressed and twice as high as wide: 1.5


def has_right_pixels(folder: Path, size: SizeName, spectrum: Spectrum) -> bool:
    """Return whether the pixels of a data set that `render_people` made are those of `rendered-1`.

    Raises:
        DatasetError: the folder contains another size, spectrum or version.
    """
    record, expected = _record(folder), _described(size, spectrum)
    known = _read_record(record)
    if known is None:
        return False  # until the next benchmark of this spectrum
    if {name: known.get(name) for name in expected} != expected:
        raise DatasetError(
            f"{record}: expected the record of {size} {spectrum} people of {VERSION}, found another; choose another "
            f"folder"
        )
    return known["checksum"] == SIZES[size].checksums[spectrum]


def _read_record(file: Path) -> dict[str, str] | None:
    """Read a record; None if there is none, or what is there is damaged."""
    try:
        found = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and "checksum" in found and all(isinstance(one, str) for one in found.values())
    return found if whole else None


def checksum(config: SyntheticConfig, decode: Callable[[Shot], npt.NDArray[np.uint8]]) -> str:
    """Compute the checksum of a data set from regularly spaced pictures over all people.

    Args:
        config: configuration of the data set.
        decode: returns the pixels decoded from a picture's file.
    """
    shots = [shot for identity in config.plan.people for shot in config.plan.shots(identity)]
    digest = hashlib.sha256()
    for shot in shots[:: max(1, len(shots) // _SAMPLE)]:
        pixels = decode(shot)
        digest.update(repr(pixels.shape).encode() + pixels.tobytes())
    return digest.hexdigest()[:16]


def _record(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-{_PIXELS}")


def _described(size: SizeName, spectrum: Spectrum) -> dict[str, str]:
    return {"version": VERSION, "size": size, "spectrum": spectrum}


def _decode(file: Path) -> npt.NDArray[np.uint8]:
    try:
        with Image.open(file) as picture:
            return np.array(picture)
    except OSError as error:
        raise DatasetError(f"{file}: expected a rendered picture, could not read it ({error}); render anew") from error
