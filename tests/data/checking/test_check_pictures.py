"""Looking at picture files: sizes, colour, content, and every way in which a file can be unreadable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import write_picture
from PIL import Image

from mvd.data.checking.picture_info import PictureInfo, inspect_picture, inspect_pictures
from mvd.errors import DatasetError


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (97, 41), (240, 96)])
def test_the_size_is_that_of_the_whole_picture(tmp_path: Path, suffix: str, height: int, width: int) -> None:
    file = tmp_path / f"a.{suffix}"
    write_picture(file, 1, height=height, width=width)
    seen = inspect_picture(file)
    assert (seen.height, seen.width, seen.colour) == (height, width, True)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_a_grey_picture_is_told_from_one_with_a_spot_of_colour(tmp_path: Path, suffix: str) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (64, 32, 1), dtype=np.uint8)
    pixels = np.repeat(levels, 3, axis=2)
    grey, spotted = tmp_path / f"grey.{suffix}", tmp_path / f"spotted.{suffix}"
    Image.fromarray(pixels).save(grey)
    Image.fromarray(pixels).convert("L").save(tmp_path / f"one-channel.{suffix}")
    pixels[16:48, :16] = (120, 95, 95)
    Image.fromarray(pixels).save(spotted)
    assert not inspect_picture(grey).colour
    assert not inspect_picture(tmp_path / f"one-channel.{suffix}").colour
    assert inspect_picture(spotted).colour


def test_files_of_one_content_have_one_digest(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_picture(tmp_path / f"{name}.jpg", seed)
    a, b, c = (inspect_picture(tmp_path / f"{name}.jpg").digest for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
def test_a_truncated_file_is_found(tmp_path: Path, suffix: str, kept: float) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.effect_noise((96, 240), 60).convert("RGB").save(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DatasetError, match=rf"a\.{suffix}: expected a picture, could not read it"):
        inspect_picture(file)


def test_what_else_is_wrong_with_a_file_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "folder.jpg").mkdir()
    for name, reason in (
        ("empty", r"found an empty file \(0 bytes\)"),
        ("text", r"could not read it \(unknown format\)"),
        ("folder", r"could not read it \(Is a directory\)"),
        ("missing", r"could not read it \(No such file or directory\)"),
    ):
        file = tmp_path / f"{name}.jpg"
        with pytest.raises(DatasetError, match=rf"^{file}: .*{reason}; restore the file or remove it$"):
            inspect_picture(file)


def test_many_are_looked_at_in_order_and_bad_ones_do_not_stop_it(tmp_path: Path) -> None:
    paths = [f"{k}.jpg" for k in range(300)]
    for k, path in enumerate(paths):
        write_picture(tmp_path / path, 0, height=16 + k)
    (tmp_path / paths[270]).write_bytes(b"")
    found = list(inspect_pictures(tmp_path, paths, workers=3))
    assert isinstance(found[270], DatasetError)
    assert [seen.height for seen in found if isinstance(seen, PictureInfo)] == [16 + k for k in range(300) if k != 270]
