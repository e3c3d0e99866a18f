"""Decoding: RGB whatever the file holds, order kept, damaged files named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_picture
from PIL import Image

from mvd.data.images import load_image, read_image
from mvd.data.pictures import PictureFiles
from mvd.errors import DatasetError


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "1", "LA"])
def test_every_kind_of_picture_becomes_rgb(tmp_path: Path, mode: str) -> None:
    file = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.new("RGB", (10, 20), (200, 200, 200)).convert(mode).save(file)
    picture = load_image(file, height=8, width=4)
    assert picture.shape == (8, 4, 3)
    assert picture.dtype == np.uint8


def test_pictures_are_resized_with_lanczos_as_the_original_does(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (50, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    expected = np.asarray(Image.fromarray(pixels).resize((12, 24), Image.Resampling.LANCZOS))
    assert np.array_equal(load_image(file, height=24, width=12), expected)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    write_picture(whole, 1, height=64, width=64)
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(whole.read_bytes()[:-200])
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    empty = tmp_path / "empty.png"
    empty.touch()
    read_image(whole)
    for file in (truncated, text, empty, tmp_path / "missing.jpg"):
        for read in (read_image, lambda file: load_image(file, 8, 4)):
            with pytest.raises(DatasetError, match=f"{file.name}: expected a picture, could not read it"):
                read(file)


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp"])
def test_reading_finds_every_file_that_ends_too_early(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"picture.{ending}"
    Image.effect_noise((30, 40), 100).convert("RGB").save(file)
    content = file.read_bytes()
    read_image(file)
    for length in range(0, len(content) - 20, 97):
        file.write_bytes(content[:length])
        with pytest.raises(DatasetError, match="expected a picture, could not read it"):
            read_image(file)


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_batches_keep_the_order_of_the_files(tmp_path: Path, size: int) -> None:
    for number in range(7):
        write_picture(tmp_path / f"{number}.jpg", number)
    paths = [f"{number}.jpg" for number in range(7)]
    batches = list(PictureFiles(root=tmp_path, paths=paths, height=24, width=12, workers=3).batches(size))
    assert max(map(len, batches)) <= size
    expected = [load_image(tmp_path / path, 24, 12) for path in paths]
    assert np.array_equal(np.concatenate(batches), expected)


def test_a_damaged_file_in_a_batch_is_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "good.jpg", 1)
    (tmp_path / "bad.jpg").write_text("no picture")
    files = PictureFiles(root=tmp_path, paths=["good.jpg", "bad.jpg"], height=8, width=4)
    with pytest.raises(DatasetError, match=r"bad\.jpg"):
        list(files.batches(1))
