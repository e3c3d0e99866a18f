"""Decoding: RGB whatever the file holds, damaged files named."""

from __future__ import annotations

import os
import socket
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fakes import write_picture
from PIL import Image

from mvd.data.images import MOST_PIXELS, load_image, to_rgb, verify_image
from mvd.data.prepared.decoders import Decoder, load_decoder
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


@pytest.mark.parametrize(
    ("kind", "ending"), [("u2", "png"), ("u2", "tif"), (">u2", "tif"), ("i4", "tif"), ("f4", "tif")]
)
def test_more_than_eight_bits_are_scaled_by_the_range_that_a_picture_uses(
    tmp_path: Path, kind: str, ending: str
) -> None:
    levels = np.random.default_rng(0).integers(0, 200, (40, 30)).astype(np.uint8)
    file = tmp_path / f"camera.{ending}"
    Image.fromarray((28500 + levels.astype(np.int64) * 12).astype(kind)).save(file)
    low, high = np.percentile(levels, (0.5, 99.5))
    expected = np.rint(np.clip((levels - low) / (high - low), 0, 1) * 255)
    assert np.array_equal(load_image(file, 40, 30), np.repeat(expected[..., None], 3, axis=2))
    assert np.unique(load_image(file, 40, 30)).size > 150


def test_levels_that_are_all_alike_are_black_and_those_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 30000, np.uint16)).save(tmp_path / "even.png")
    assert not load_image(tmp_path / "even.png", 8, 4).any()
    Image.fromarray(np.full((20, 20), np.nan, np.float32)).save(tmp_path / "nan.tif")
    for read in (verify_image, lambda file: load_image(file, 8, 4)):
        with pytest.raises(DatasetError, match=r"nan\.tif: .*levels that are not finite"):
            read(tmp_path / "nan.tif")


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1"])
def test_eight_bit_pictures_stay_as_they_are(mode: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 10, 3), dtype=np.uint8)).convert(mode)
    assert np.array_equal(np.asarray(to_rgb(noise, upright=True)), np.asarray(noise.convert("RGB")))


@pytest.mark.parametrize("decoder", ["pillow", "fast"])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_own_pictures_are_turned_upright_and_those_of_benchmarks_are_not(
    tmp_path: Path, decoder: Decoder, ending: str
) -> None:
    if decoder == "fast":
        pytest.importorskip("cv2")
        pytest.importorskip("simplejpeg")
    decode, _ = load_decoder(decoder)
    upright = np.zeros((40, 20, 3), np.uint8)
    upright[:20] = 255  # the head is white
    lying = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(tmp_path / f"a.{ending}", exif=exif)
    turned = decode(tmp_path / f"a.{ending}", 40, 20, upright=True)
    assert np.abs(turned.astype(int) - upright).mean() < 2
    if ending != "tif":  # which Pillow turns itself
        as_it_is = decode(tmp_path / f"a.{ending}", 20, 40)
        assert np.abs(as_it_is.astype(int) - np.asarray(lying)).mean() < 2


def test_no_format_is_opened_that_is_no_photograph(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"BLP2" + bytes(200))
    (tmp_path / "c.jpg").write_bytes(b"DDS " + bytes(200))
    for name in ("a", "b", "c"):
        with pytest.raises(DatasetError, match=r"could not read it \(unknown format\)"):
            load_image(tmp_path / f"{name}.jpg", 8, 4)


@pytest.mark.parametrize("ending", ["avif", "webp", "gif", "tif", "jp2", "tga", "ppm", "pcx", "qoi", "sgi"])
def test_a_damaged_file_of_any_format_is_read_or_named(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"a.{ending}"
    try:
        Image.effect_noise((30, 40), 100).convert("RGB").save(file)
    except (KeyError, OSError):
        pytest.skip("this Pillow cannot write it")
    assert load_image(file, 8, 4).shape == (8, 4, 3)
    content = file.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(25):
        changed = np.frombuffer(content, np.uint8).copy()
        changed[random.integers(0, min(200, len(changed)), 4)] = random.integers(0, 256, 4)
        file.write_bytes(changed.tobytes()[: int(random.integers(20, len(content)))])
        with warnings.catch_warnings(), suppress(DatasetError):
            warnings.simplefilter("ignore")
            load_image(file, 8, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in this system's folders")
def test_nothing_but_regular_files_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(tmp_path)  # a socket's path is short
        listening.bind("socket.jpg")
        os.chdir(here)
        for name in ("pipe", "device", "socket"):
            with pytest.raises(DatasetError, match=f"{name}.jpg: .*no regular file"):
                load_image(tmp_path / f"{name}.jpg", 8, 4)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    side = 4096
    assert side * side == MOST_PIXELS
    Image.new("1", (side, side)).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", 8, 4).shape == (8, 4, 3)
    for size in ((side, side + 1), (13370, 13370)):
        Image.new("1", size).save(tmp_path / "b.png")
        for read in (verify_image, lambda file: load_image(file, 8, 4)):
            with pytest.raises(DatasetError, match=r"b\.png: expected at most 16,777,216 pixels"):
                read(tmp_path / "b.png")


def test_a_larger_jpeg_is_decoded_at_half_its_size(tmp_path: Path) -> None:
    picture = Image.new("L", (6000, 4000), 90)
    picture.save(tmp_path / "a.jpg")
    assert np.array_equal(load_image(tmp_path / "a.jpg", 8, 4), np.full((8, 4, 3), 90))
    picture.save(tmp_path / "b.jpg", progressive=True)  # would be held whole
    with pytest.raises(DatasetError, match="expected at most"):
        load_image(tmp_path / "b.jpg", 8, 4)
