"""What a Python caller passes in the place of a list, a path or a word: taken as it is meant, or one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from galleries import PlainModel, use_models, write_people
from PIL import Image

import mvd
from mvd.commands.pictures.embed import list_sources
from mvd.commands.pictures.gallery import Gallery
from mvd.commands.training.jobs import check_seeds
from mvd.config import DataConfig, ModelConfig
from mvd.data.samples import Modality
from mvd.errors import ConfigError, DatasetError, MvdError
from mvd.gallery.filters import Filter
from mvd.inference.pixels import to_modalities, to_pictures


@dataclass(frozen=True)
class Elsewhere:
    """A path that is no string and no `Path`, as other libraries have them."""

    path: str

    def __fspath__(self) -> str:
        return self.path


def _any(value: object) -> Any:
    """Hide a value from the type checker, which knows better."""
    return value


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    use_models(monkeypatch, PlainModel())
    made = Gallery(tmp_path / "gallery", model="plain")
    for place in ("one", "two"):
        write_people(tmp_path / place, people=2, pictures=2, seed=len(place) + ord(place[0]))
        made.add(_any(Elsewhere(str(tmp_path / place))), tags=place, camera=place)
    return made


def test_removing_one_path_removes_no_other(gallery: Gallery, tmp_path: Path) -> None:
    """A path alone was taken for its letters, among which "/" is above every picture."""
    before = gallery.rows(limit=None)
    removed = gallery.remove(paths=str(tmp_path / "one" / "0_0.jpg"))
    assert removed.rows == 1
    assert {one.row for one in before} - {one.row for one in gallery.rows(limit=None)} == {
        one.row for one in before if one.path.endswith("one/0_0.jpg")
    }


def test_one_name_in_a_gallery_is_no_sequence_of_letters(gallery: Gallery) -> None:
    one, *_ = rows = gallery.rows(only=Filter(tags=_any("one"), cameras=_any("one")))
    assert {row.tags for row in rows} == {("one",)}
    assert gallery.rows(one.row) == [one]
    assert gallery.search(like=one.row).hits
    assert gallery.remove(one.row).rows == 1


def test_a_modality_may_be_named(gallery: Gallery, tmp_path: Path) -> None:
    assert gallery.add(write_people(tmp_path / "three", people=1, seed=9), modality="infrared").added == 3
    assert {one.modality for one in gallery.rows(only=Filter(modality=_any("infrared")), limit=None)} == {1}
    assert gallery.search(tmp_path / "three" / "0_0.jpg", modality="infrared").hits
    assert to_modalities(["visible", "infrared"], 2).tolist() == to_modalities([0, 1], 2).tolist() == [0, 1]
    assert to_modalities("infrared", 2).tolist() == [1, 1]
    assert [one.modality for one in list_sources(tmp_path / "three", Modality.INFRARED)] == [Modality.INFRARED] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda gallery: gallery.search(like="ab", combining="max"), "combining: expected one of mean, best"),
        (lambda gallery: gallery.search(np.zeros((4, 4, 3))), "expected files, .*, found ndarray"),
        (
            lambda gallery: gallery.search("a.jpg", modality="ir"),
            "modality: expected visible .0. or infrared .1., found",
        ),
        (lambda gallery: gallery.add("a.jpg", camera=3), "camera: expected a name as text, found 3"),
        (
            lambda gallery: Gallery("new", model=_any(PlainModel())),
            "model: expected a file, a folder or a name, .* Plain",
        ),
        (
            lambda gallery: mvd.embed(_any(PlainModel()), [_any(Image.new("RGB", (2, 2)))]),
            "pictures: expected .* Image",
        ),
        (lambda gallery: mvd.embed(_any(object()), gallery.rows()[0].path), "model: expected .*, found object"),
        (lambda gallery: to_pictures(_any(None), (4, 4)), "pictures: expected files, .* found NoneType"),
        (lambda gallery: to_pictures(_any([[1, 2]]), (4, 4)), "pictures: expected files, .* found list"),
        (lambda gallery: to_modalities(["visible", "ir"], 2), "modalities: expected 0 .visible. or 1"),
    ],
)
def test_what_is_none_of_these_is_one_line(call: Callable[[Any], object], message: str, gallery: Gallery) -> None:
    with pytest.raises(MvdError, match=message):
        call(gallery)


def test_pictures_are_paths_of_any_kind(tmp_path: Path) -> None:
    files = [str(file) for file in write_people(tmp_path, people=1)]
    expected = to_pictures(files, (8, 4)).read_range(0, 3)
    kinds: list[Any] = [
        np.array(files),
        (Elsewhere(file) for file in files),
        [Path(files[0]), files[1], Elsewhere(files[2])],
    ]
    for pictures in kinds:
        np.testing.assert_array_equal(to_pictures(pictures, (8, 4)).read_range(0, 3), expected)
    np.testing.assert_array_equal(to_pictures(_any(Elsewhere(files[0])), (8, 4)).read_range(0, 1), expected[:1])
    assert [one.path for one in list_sources(_any(Elsewhere(os.fspath(tmp_path))), "auto")] == files


def test_seeds_are_whole_numbers_of_any_kind() -> None:
    assert check_seeds(_any(np.arange(2))) == check_seeds(range(2)) == (0, 1)
    assert check_seeds(_any(np.int64(3))) == (3,)
    assert {type(seed) for seed in check_seeds(_any(np.arange(2)))} == {int}
    with pytest.raises(ConfigError, match=r"seeds: expected whole numbers, found 0\.5"):
        check_seeds(_any([0.5]))


def test_one_folder_of_runs_is_no_sequence_of_letters(tmp_path: Path) -> None:
    assert mvd.list_runs(str(tmp_path)) == mvd.list_runs(tmp_path) == []


def test_one_name_or_an_unknown_one_in_a_benchmark(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="size: expected one of small, medium, full, found 'tiny'"):
        mvd.benchmark(tmp_path, "mvd", size=_any("tiny"))
    with pytest.raises(ConfigError, match="spectra: expected one of near-infrared, thermal, found 'uv'"):
        mvd.benchmark(tmp_path, "mvd", spectra=_any("uv"))
    with pytest.raises(ConfigError, match=r"recipes: expected one of mvd, .*, found 'mvdd'"):
        mvd.benchmark(tmp_path, "mvdd")


def test_one_number_format_is_no_sequence_of_letters() -> None:
    with pytest.raises(ConfigError, match="variants: expected one of fp32, fp16, int8, found 'fp64'"):
        mvd.export("run", variants=_any("fp64"))


def test_a_missing_file_is_a_users_error_in_any_form() -> None:
    with pytest.raises(DatasetError, match=r"nope\.jpg"):
        to_pictures(_any(Elsewhere("nope.jpg")), (4, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mvd.prepare("people", height=_any(48.0)), r"height: expected a whole number, found 48\.0"),
        (lambda: mvd.prepare("people", width=_any("24")), "width: expected a whole number, found '24'"),
        (lambda: mvd.synth("out", train=_any(2.0)), r"train: expected a whole number, found 2\.0"),
        (lambda: mvd.synth("out", seed=_any("1")), "seed: expected a whole number, found '1'"),
        (
            lambda: mvd.open_model("rendered", framework=_any("tf")),
            "framework: expected one of auto, pytorch, mindspore",
        ),
        (lambda: mvd.open_model("rendered", batch=-1), "batch: expected 0 or more, found -1"),
        (lambda: mvd.data.IdentitySampler(_any(["a", "b"]), [0, 1]), "labels: expected whole numbers, found <U1"),
        (lambda: mvd.data.IdentitySampler(_any([0.5, 1.5]), [0, 1]), "labels: expected whole numbers, found float64"),
        (lambda: mvd.data.PictureDataset("people", size=_any(48)), "size: expected a height and a width, found 48"),
        (
            lambda: mvd.training.DeviceAugment()(_any(np.zeros((2, 8, 4, 3), np.uint8)), torch.zeros(2), 0),
            "expected pictures and modalities as tensors, found ndarray",
        ),
        (
            lambda: mvd.training.DeviceAugment()(torch.zeros(2, 8, 4, 3, dtype=torch.uint8), _any([0, 1]), 0),
            "expected pictures and modalities as tensors, found list",
        ),
        (
            lambda: mvd.metrics.CrossModalRetrieval("own/infrared-to-visible", reranking=_any(True)),
            "reranking: expected a Reranking, .*, found True",
        ),
        (
            lambda: mvd.create_model("agw", classes=2, arch="resnet18", base_width=4).eval()(
                torch.zeros(2, 3, 32, 16), torch.tensor([0, 5])
            ),
            r"model.stems: expected modalities 0 .visible. and 1 .infrared., found \[0, 5\]",
        ),
    ],
)
def test_a_wrong_argument_is_one_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(MvdError, match=f"^{message}"):
        call()


def test_numpys_whole_numbers_are_whole(tmp_path: Path) -> None:
    assert (
        mvd.synth(tmp_path / "people", train=_any(np.int64(1)), validation=0, test=1, pictures=1, workers=1).people == 2
    )
    mvd.prepare(tmp_path / "people", height=_any(np.int64(16)), width=_any(np.int32(16)), workers=1)


def test_a_device_and_a_batch_of_a_model_are_arguments(tmp_path: Path) -> None:
    config = mvd.RunConfig(model=ModelConfig(arch="resnet18", base_width=4), data=DataConfig(height=32, width=16))
    network = mvd.create_model(config, classes=2)
    assert mvd.Embedder(network, config, device=torch.device("cpu")).width
    with pytest.raises(ConfigError, match=r"^device: expected a device of this machine, found 'xyz'"):
        mvd.Embedder(network, config, device="xyz")
    with pytest.raises(ConfigError, match=r"^batch: expected 0 or more, found -1"):
        mvd.Embedder(network, config, device="cpu", batch=-1)
    with pytest.raises(ConfigError, match=r"^precision: expected one of auto, fp32, tf32, bf16, found 'float32'"):
        mvd.Embedder(network, config, device="cpu", precision=_any("float32"))
    pictures = np.zeros((2, *mvd.open_model("rendered").size, 3), np.uint8)
    assert mvd.open_model("rendered", batch=0)(pictures).shape[0] == 2
