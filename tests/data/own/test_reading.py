"""A picture is read once: pixels as `load_image` has them, the file's hash, the time it was taken, its modality."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from mvd.data.images import load_image
from mvd.data.own.reading import guess_modality, read_picture
from mvd.data.samples import Modality
from mvd.synthetic import SyntheticConfig, even_plan, render


def save(file: Path, *, taken: str = "", zone: str = "", turned: int = 1) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turned
    if taken:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    if zone:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal] = zone
    Image.fromarray(pixels).save(file, exif=exif)
    return file


@pytest.mark.parametrize(
    ("taken", "zone", "utc"),
    [
        ("2024:03:01 23:10:05", "", "2024-03-01T23:10:05"),
        ("2024:03:01 23:10:05", "+01:00", "2024-03-01T22:10:05"),
        ("0000:00:00 00:00:00", "", "NaT"),
        ("", "", "NaT"),
    ],
)
def test_pixels_hash_and_time_are_the_files(tmp_path: Path, taken: str, zone: str, utc: str) -> None:
    file = save(tmp_path / "a.jpg", taken=taken, zone=zone, turned=6)
    found = read_picture(file, 16, 8)
    np.testing.assert_array_equal(found.pixels, load_image(file, 16, 8, upright=True))
    assert found.hash == hashlib.sha256(file.read_bytes()).hexdigest()
    np.testing.assert_array_equal(found.time, np.datetime64(utc, "us"))


def test_rendered_pictures_of_both_modalities_are_told_apart(tmp_path: Path) -> None:
    config = SyntheticConfig(plan=even_plan(train=1, validation=1, test=1, pictures=1), height=96)
    for person in config.plan.people:
        for sensor in config.plan.rig.sensors:
            file = tmp_path / "a.jpg"
            Image.fromarray(render(config, person, sensor, 1)).save(file, quality=85)
            guess = guess_modality(read_picture(file, 96, 48).pixels)
            assert guess.modality is sensor.modality
            assert 0.9 < guess.confidence <= 1


def test_the_guess_is_least_sure_at_the_border() -> None:
    def of_colour(colour: int) -> tuple[Modality, float]:
        return guess_modality(np.tile(np.array([100 + colour, 100, 100], np.uint8), (4, 2, 1)))

    assert of_colour(12) == (Modality.INFRARED, 0.5)
    assert of_colour(0)[1] == pytest.approx(0.953, abs=1e-3)
    assert of_colour(40)[0] is Modality.VISIBLE
    assert of_colour(40)[1] > of_colour(20)[1] > 0.5
