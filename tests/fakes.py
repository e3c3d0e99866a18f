"""Tiny data sets in every layout, for tests that need files but no pictures of people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mvd.data.layouts.defects import OnDefect
from mvd.data.layouts.llcm import INFRARED_CAMERAS, VISIBLE_CAMERAS
from mvd.data.layouts.regdb import TRIALS
from mvd.data.layouts.sysu import CAMERAS
from mvd.data.samples import Dataset


def write_picture(file: Path, seed: int, *, height: int = 32, width: int = 16) -> None:
    """Write a small picture whose colours tell pictures apart."""
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


def write_regdb(root: Path, *, people: int = 6, pictures: int = 2, trials: Sequence[int] = TRIALS) -> Path:
    """Write a tree of which each trial trains on another half of the people; pictures are small BMP files."""
    for person in range(1, people + 1):
        for number in range(1, pictures + 1):
            for folder in ("Visible", "Thermal"):
                write_picture(root / folder / str(person) / f"{number}.bmp", person)
    for trial in trials:
        turned = [(trial + place) % people + 1 for place in range(people)]
        for split, half in (("train", turned[: people // 2]), ("test", turned[people // 2 :])):
            for folder in ("Visible", "Thermal"):
                write_lines(
                    root / "idx" / f"{split}_{folder.lower()}_{trial}.txt",
                    [f"{folder}/{p}/{n}.bmp {label}" for label, p in enumerate(half) for n in range(1, pictures + 1)],
                )
    return root


def write_llcm(root: Path, *, train: int = 3, test: Sequence[int] = (4, 17), pictures: int = 2) -> Path:
    """Write a tree in which every camera sees every test person; training people are 1 … `train`."""
    for folder in ("vis", "nir"):
        lines = []
        for person in range(1, train + 1):
            for number in range(1, pictures + 1):
                file = f"{folder}/{person:04d}/{number:04d}.jpg"
                write_picture(root / file, person)
                lines.append(f"{file} {person - 1}")
        write_lines(root / "idx" / f"train_{folder}.txt", lines)
    for folder, cameras in (("test_vis", VISIBLE_CAMERAS), ("test_nir", INFRARED_CAMERAS)):
        for camera in cameras:
            for person in test:
                for number in range(1, pictures + 1):
                    write_picture(root / folder / f"cam{camera}" / f"{person:04d}" / f"{number:04d}.jpg", person)
    write_lines(root / "idx" / "test_id.txt", [",".join(map(str, test))])
    return root


def write_own_folder(
    root: Path, *, people: Sequence[str] = ("anna", "bo", "cy", "dee"), pictures: int = 2, **lists: Sequence[str]
) -> Path:
    """Write a tree in which everybody is seen in both modalities, and the list `<split>_id.txt` of each split given."""
    for seed, person in enumerate(people):
        for modality in ("visible", "infrared"):
            for number in range(1, pictures + 1):
                write_picture(root / modality / person / f"{number}.jpg", seed)
    for split, names in lists.items():
        write_lines(root / f"{split}_id.txt", names)
    return root


def write_own_table(
    file: Path,
    *,
    people: Sequence[str] = ("anna", "bo", "cy", "dee"),
    pictures: int = 2,
    splits: Mapping[str, str] | None = None,
) -> Path:
    """Write a table and its pictures: everybody in both modalities, cameras "gate" and "hall", splits by person."""
    lines = ["path,identity,camera,modality" + (",split" if splits is not None else "")]
    for seed, person in enumerate(people):
        for modality, camera in (("visible", "gate"), ("infrared", "hall")):
            for number in range(1, pictures + 1):
                path = f"pictures/{person} {camera} {number}.jpg"
                write_picture(file.parent / path, seed)
                lines.append(f"{path},{person},{camera},{modality}" + (f",{splits[person]}" if splits else ""))
    write_lines(file, lines)
    return file


def write_lines(file: Path, lines: Iterable[str]) -> None:
    """Write a text file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def collect(scan: Callable[[OnDefect], Dataset]) -> tuple[Dataset, list[str]]:
    """Scan to the end and collect what is reported on the way."""
    defects: list[str] = []
    return scan(defects.append), defects
