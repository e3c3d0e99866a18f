"""Decoding: RGB whatever the file holds, damaged files named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_picture
from PIL import Image

from mvd.data.images import load_image, verify_image
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
    verify_image(whole)
    for file in (truncated, text, empty, tmp_path / "missing.jpg"):
        for read in (verify_image, lambda file: load_image(file, 8, 4)):
            with pytest.raises(DatasetError, match=f"{file.name}: expected a picture, could not read it"):
                read(file)


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp"])
def test_reading_finds_every_file_that_ends_too_early(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"picture.{ending}"
    Image.effect_noise((30, 40), 100).convert("RGB").save(file)
    content = file.read_bytes()
    verify_image(file)
    for length in range(0, len(content) - 20, 97):
        file.write_bytes(content[:length])
        with pytest.raises(DatasetError, match="expected a picture, could not read it"):
            verify_image(file)
