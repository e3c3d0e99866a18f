"""Notes on a data set: what spoils figures without being a defect, each counted by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import write_lines, write_own_folder, write_own_table, write_picture, write_tree
from PIL import Image

from mvd.data.checking.check import check_dataset


def notes(data: Path, about: str) -> list[str]:
    """Check a data set without defects, and give its notes about something."""
    inspection = check_dataset(data, workers=1)
    assert inspection.defects == ()
    return [note for note in inspection.notes if about in note]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two people with two different pictures in each modality, of 32 by 16 pixels."""
    for seed, place in enumerate(f"{m}/{p}/{n}.jpg" for m in ("visible", "infrared") for p in "ab" for n in (1, 2)):
        write_picture(tmp_path / "own" / place, seed)
    return tmp_path / "own"


def test_turned_animated_deep_and_tiny_pictures_are_counted(folder: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    for name in ("t1.jpg", "t2.jpg", "t3.jpg"):
        Image.new("RGB", (40, 20), "red").save(folder / "visible" / "a" / name, exif=exif)
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "visible" / "b" / "x.gif", save_all=True, append_images=frames[1:])
    for name in ("d1.png", "d2.png"):
        levels = np.arange(600, dtype=np.uint16).reshape(30, 20) * 50
        Image.fromarray(levels).save(folder / "infrared" / "b" / name)
    Image.new("L", (15, 60)).save(folder / "infrared" / "a" / "tiny.png")
    found = [note for note in check_dataset(folder).notes if "of 15 pictures" in note]
    assert found == [
        "1 of 15 pictures smaller than 16×16 pixels, such as infrared/a/tiny.png",
        "3 of 15 pictures with an EXIF orientation, turned upright, such as visible/a/t1.jpg",
        "1 of 15 pictures with several frames, of which the first is taken, such as visible/b/x.gif",
        "2 of 15 pictures with more than eight bits, each scaled by its own range, such as infrared/b/d1.png",
    ]


def test_turned_pictures_of_a_benchmark_are_not_turned(tmp_path: Path) -> None:
    root = write_tree(tmp_path, train=(1,), val=(2,), test=(3,))
    exif = Image.Exif()
    exif[274] = 8
    Image.new("RGB", (40, 20), "red").save(root / "cam1" / "0001" / "0001.jpg", exif=exif)
    (note,) = notes(root, "EXIF")
    assert note.startswith("1 of 36 pictures with an EXIF orientation, not turned, as in the benchmark's own code")


def test_cameras_in_both_modalities_are_taken_for_one_device(tmp_path: Path) -> None:
    table = write_own_table(tmp_path / "t.csv", people=("anna", "bo"))
    assert not notes(table, "cameras")
    text = table.read_text().replace(",hall,", ",2,")
    table.write_text(text.replace(",gate,", ",1,").replace(",2,infrared", ",1,infrared", 2))
    (note,) = notes(table, "cameras")
    assert note.startswith("cameras with visible and infrared pictures: 1; each is taken for one device")
    assert not notes(write_own_folder(tmp_path / "folder"), "cameras")  # unknown ones


def _link(to: Path, link: Path) -> None:
    link.symlink_to(to)


@pytest.mark.parametrize("make", [_link, os.link, shutil.copy])
def test_links_and_copies_of_a_picture_count_twice(folder: Path, make: Callable[[Path, Path], object]) -> None:
    assert not notes(folder, "again") + notes(folder, "copies")
    make(folder / "visible" / "a" / "1.jpg", folder / "visible" / "a" / "3.jpg")
    make(folder / "visible" / "b" / "1.jpg", folder / "infrared" / "b" / "3.jpg")
    (again,) = notes(folder, "again")
    assert again.startswith(
        "pictures that are there again, for the same person and modality: 1, such as visible/a/3.jpg, which is "
        "visible/a/1.jpg: another path to it, a link or a copy"
    )
    (copies,) = notes(folder, "copies of visible ones")
    assert copies == (
        "infrared pictures that are copies of visible ones of the same person: 1 of 5, such as infrared/b/3.jpg of "
        "visible/b/1.jpg; replace them, as they are found too easily"
    )


@pytest.mark.parametrize("other", ["{folder}/a.jpg", "sub/../a.jpg", "./sub/../a.jpg"])
@pytest.mark.parametrize("modality", ["visible", "infrared"])
def test_another_path_to_a_picture_counts_twice(tmp_path: Path, other: str, modality: str) -> None:
    for seed, name in enumerate("abcdef"):
        write_picture(tmp_path / f"{name}.jpg", seed)
    (tmp_path / "sub").mkdir()
    lines = ["a.jpg,1,visible", *(f"{name}.jpg,1,infrared" for name in "bcdef")]
    extra = f"{other.format(folder=tmp_path)},1,{modality}"
    write_lines(tmp_path / "t.csv", ["path,identity,modality", *lines, extra])
    (note,) = notes(tmp_path / "t.csv", "again" if modality == "visible" else "copies of visible ones")
    assert "1, such as" in note or "1 of 6, such as" in note


@pytest.mark.parametrize("make", [_link, shutil.copytree])
def test_an_infrared_folder_that_is_a_copy_of_the_visible_one_is_called_so(
    folder: Path, make: Callable[[Path, Path], object]
) -> None:
    shutil.rmtree(folder / "infrared")
    make(folder / "visible", folder / "infrared")
    (note,) = notes(folder, "copies of visible ones")
    assert "4 of 4" in note
    assert note.endswith(
        "the infrared pictures seem to be the visible ones again, and figures of this data set would mean nothing"
    )


def test_pictures_in_folders_within_a_persons_are_counted(folder: Path) -> None:
    for number in (8, 9):
        write_picture(folder / "visible" / "a" / "day2" / f"{number}.jpg", number)
    (note,) = notes(folder, "within")
    assert note.endswith("count as that person's: 2, such as visible/a/day2/8.jpg")


def test_junk_is_counted(folder: Path) -> None:
    for number in (8, 9):
        write_picture(folder / "visible" / "junk" / f"{number}.jpg", number)
    (note,) = notes(folder, "junk")
    assert note.startswith("2 test pictures of nobody (junk), such as visible/junk/8.jpg: distractors in galleries")
    (counts,) = (split for split in check_dataset(folder).splits if split.name == "test")
    assert (counts.people, counts.visible, counts.infrared) == (2, 6, 4)
