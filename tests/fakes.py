"""Tiny data trees in SYSU-MM01's layout, for tests that need files but no people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mvd.data.sysu import CAMERAS


def write_picture(file: Path, seed: int, *, height: int = 24, width: int = 12) -> None:
    """Write a small JPEG whose colours tell pictures apart."""
    file.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (4, 2, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST).save(file, quality=95)


def write_tree(
    root: Path,
    *,
    train: Sequence[int] = (1, 2, 3),
    val: Sequence[int] = (4, 5),
    test: Sequence[int] = (6, 7, 8),
    pictures: int = 2,
    cameras: Sequence[int] = CAMERAS,
) -> Path:
    """Write a tree in which every camera sees everybody; the colours of a person are alike."""
    for identity in (*train, *val, *test):
        for camera in cameras:
            for number in range(1, pictures + 1):
                write_picture(root / f"cam{camera}" / f"{identity:04d}" / f"{number:04d}.jpg", identity)
    write_ids(root, train=train, val=val, test=test)
    return root


def write_ids(root: Path, **splits: Sequence[int]) -> None:
    """Write `exp/<split>_id.txt`."""
    (root / "exp").mkdir(parents=True, exist_ok=True)
    for split, identities in splits.items():
        (root / "exp" / f"{split}_id.txt").write_text(",".join(map(str, identities)) + "\n")
