"""The fast decoder: near the exact one by as much as is said, just as strict, and named where it is missing."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import write_tree
from PIL import Image

from mvd.data.images import load_image
from mvd.data.layouts import scan
from mvd.data.prepared.arrays import load_prepared
from mvd.data.prepared.decoders import Decode, load_decoder
from mvd.data.prepared.prepare import prepare_arrays
from mvd.errors import ConfigError, DatasetError
from mvd.synthetic import SyntheticConfig, even_plan
from mvd.synthetic.picture import render


@pytest.fixture
def fast() -> Decode:
    pytest.importorskip("cv2")
    pytest.importorskip("simplejpeg")
    return load_decoder("fast")[0]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Rendered pictures, about 512 pixels high."""
    config = SyntheticConfig(plan=even_plan(train=2, validation=0, test=1, pictures=1), height=512)
    folder = tmp_path_factory.mktemp("people")
    for identity in config.plan.people:
        for sensor in config.plan.rig.sensors:
            picture = Image.fromarray(render(config, identity, sensor, 1))
            picture.save(folder / f"{identity} {len(list(folder.iterdir()))}.jpg", quality=90)
    return sorted(folder.iterdir())


def grey_levels(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    return np.asarray(np.abs(one.astype(np.int16) - other))


# About twice what `mvd.data.prepared.decoders` says of many pictures.
@pytest.mark.parametrize(("size", "mean", "most"), [((700, 340), 0.7, 30), ((288, 144), 1.4, 60), ((96, 48), 3.0, 80)])
def test_fast_pictures_are_near_exact_ones(
    fast: Decode, people: Sequence[Path], size: tuple[int, int], mean: float, most: int
) -> None:
    levels = np.stack([grey_levels(fast(file, *size), load_image(file, *size)) for file in people])
    assert 0 < levels.mean() < mean
    assert levels.max() < most


def test_a_picture_that_keeps_its_size_is_exact(fast: Decode, people: Sequence[Path]) -> None:
    for file in people:
        with Image.open(file) as picture:
            width, height = picture.size
        assert np.array_equal(fast(file, height, width), load_image(file, height, width))


@pytest.mark.parametrize("size", [(300, 20), (30, 300), (10, 300)])
def test_sides_that_grow_and_shrink_are_resized_each_by_its_own(
    fast: Decode, tmp_path: Path, size: tuple[int, int]
) -> None:
    file = tmp_path / "smooth.png"
    across, down = np.meshgrid(np.linspace(0, 255, 100), np.linspace(0, 255, 100))
    Image.fromarray(np.stack([across, down, 255 - down], axis=2).astype(np.uint8)).save(file)
    picture = fast(file, *size)
    assert picture.shape == (*size, 3)
    assert grey_levels(picture, load_image(file, *size)).max() <= 3


@pytest.mark.parametrize(
    ("ending", "modes"), [("jpg", "L RGB CMYK 1"), ("png", "L RGB 1 LA RGBA P"), ("bmp", "L RGB 1 RGBA P")]
)
def test_every_kind_of_picture_becomes_the_rgb_that_pillow_makes_of_it(
    fast: Decode, tmp_path: Path, ending: str, modes: str
) -> None:
    file = tmp_path / f"picture.{ending}"
    for mode in modes.split():
        Image.effect_mandelbrot((30, 40), (-2, -1, 1, 1), 50).convert("RGB").convert(mode).save(file)
        assert grey_levels(fast(file, 40, 30), load_image(file, 40, 30)).max() <= 1


def test_the_turn_that_a_camera_notes_is_left_alone(fast: Decode, tmp_path: Path) -> None:
    file, turned = tmp_path / "turned.jpg", Image.Exif()
    turned[0x0112] = 6
    Image.effect_mandelbrot((30, 40), (-2, -1, 1, 1), 50).convert("RGB").save(file, exif=turned)
    assert np.array_equal(fast(file, 40, 30), load_image(file, 40, 30))


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp"])
def test_damaged_files_are_named(fast: Decode, tmp_path: Path, ending: str) -> None:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (50, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, {"jpg": "jpeg"}.get(ending, ending))
    for name, damaged in (("cut", content.getvalue()[:-200]), ("text", b"no picture"), ("empty", b"")):
        (tmp_path / f"{name}.{ending}").write_bytes(damaged)
    for name in ("cut", "text", "empty", "missing"):
        with pytest.raises(DatasetError, match=rf"{name}\.{ending}: expected a picture, could not read it"):
            fast(tmp_path / f"{name}.{ending}", 8, 4)


@pytest.mark.usefixtures("fast")
def test_arrays_can_be_prepared_with_it(tmp_path: Path) -> None:
    dataset = scan(write_tree(tmp_path / "data"))
    prepare_arrays(dataset, tmp_path / "arrays", 64, 32, decoder="fast")
    visible, _ = load_prepared(dataset, tmp_path / "arrays")
    exact = load_image(dataset.root / visible.samples.paths[0], 64, 32)
    assert grey_levels(visible.images[0], exact).mean() < 10  # a picture of eight coloured squares


@pytest.mark.parametrize("package", ["cv2", "simplejpeg"])
def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, "cv2", sys)
    monkeypatch.setitem(sys.modules, "simplejpeg", sys)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"decoder: expected .*{package}.* pip install 'mvd\[fast\]'"):
        load_decoder("fast")
