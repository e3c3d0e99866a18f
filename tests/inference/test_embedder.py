"""Embedder: the same embeddings from every form of picture, and one line for what would give other ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from shell import TINY, mvd, prepared_tree

from mvd.config import DataConfig, ModelConfig, RunConfig, RuntimeConfig, to_json
from mvd.data.images import load_image
from mvd.data.pictures import PictureArray
from mvd.data.samples import Modality
from mvd.errors import ConfigError, DatasetError, MvdError
from mvd.inference.embed import embed_pictures
from mvd.inference.embedder import Embedder
from mvd.models.factory import build_network
from mvd.models.state import network_tensors
from mvd.runs import open_run

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 32, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures of another size than the network's."""
    folder, generator = tmp_path_factory.mktemp("files"), np.random.default_rng(1)
    for number in range(3):
        Image.fromarray(generator.integers(0, 256, (50, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    Image.fromarray(generator.integers(0, 256, (50, 30), dtype=np.uint8)).save(folder / "grey.png")
    return sorted(folder.iterdir())


def make(tiny: ModelConfig, **more: Any) -> Embedder:
    torch.manual_seed(0)
    config = RunConfig(model=tiny, data=DataConfig(height=32, width=16))
    return Embedder(build_network(tiny, 3), config, device="cpu", **more)


@pytest.fixture(scope="module")
def embedder(tiny: ModelConfig) -> Embedder:
    return make(tiny)


@pytest.fixture(scope="module")
def expected(embedder: Embedder, tiny: ModelConfig) -> npt.NDArray[np.float32]:
    torch.manual_seed(0)
    network = build_network(tiny, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return embed_pictures(network, RuntimeConfig(device="cpu"), PictureArray(PICTURES))


def test_embeddings_are_those_of_evaluation(embedder: Embedder, expected: npt.NDArray[np.float32]) -> None:
    found = embedder(PICTURES)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32
    assert found.shape == (5, embedder.width)
    assert embedder.size == (32, 16)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 2, rtol=1e-6)  # four parts of length 1


@pytest.mark.parametrize(
    "pictures",
    [
        torch.from_numpy(PICTURES),
        torch.from_numpy(PICTURES).permute(0, 3, 1, 2),
        np.ascontiguousarray(PICTURES.transpose(0, 3, 1, 2)),
        list(PICTURES),
        list(torch.from_numpy(PICTURES)),
        [Image.fromarray(one) for one in PICTURES],
        [PICTURES[0], Image.fromarray(PICTURES[1]), *torch.from_numpy(PICTURES[2:])],
    ],
    ids=["tensor", "channels-first", "array-channels-first", "arrays", "tensors", "images", "mixed"],
)
def test_every_form_of_a_picture_gives_the_same(
    embedder: Embedder, expected: npt.NDArray[np.float32], pictures: Any
) -> None:
    np.testing.assert_array_equal(embedder(pictures), expected)


def test_one_picture_alone_is_a_batch_of_one(embedder: Embedder, expected: npt.NDArray[np.float32]) -> None:
    for picture in (PICTURES[0], torch.from_numpy(PICTURES[0]), Image.fromarray(PICTURES[0])):
        found = embedder(picture)
        assert found.shape == (1, embedder.width)
        np.testing.assert_allclose(found, expected[:1], atol=1e-5)


def test_files_are_resized_as_for_evaluation(embedder: Embedder, files: list[Path]) -> None:
    expected = embedder(np.stack([load_image(file, 32, 16) for file in files]))
    np.testing.assert_array_equal(embedder.embed_files(files), expected)
    np.testing.assert_array_equal(embedder([str(file) for file in files]), expected)
    np.testing.assert_array_equal(embedder([Image.open(file) for file in files]), expected)
    np.testing.assert_array_equal(embedder([files[0], Image.open(files[1]), *files[2:]]), expected)
    assert embedder(files[0]).shape == (1, embedder.width)
    with pytest.raises(DatasetError, match=r"none\.png: expected a picture"):
        embedder.embed_files([files[0], files[0].with_name("none.png")])


def test_batches_do_not_matter_and_no_pictures_are_none(tiny: ModelConfig, embedder: Embedder) -> None:
    np.testing.assert_allclose(make(tiny, batch=2)(PICTURES), embedder(PICTURES), atol=1e-5)
    for found in (embedder([]), embedder(PICTURES[:0]), embedder.embed_files(iter(()))):
        assert found.shape == (0, embedder.width)


@pytest.mark.parametrize(
    ("pictures", "found"),
    [
        (PICTURES / 255, "expected uint8, 0 to 255, found float64; give them as decoded, not scaled"),
        (torch.zeros(2, 3, 32, 16), "expected uint8, 0 to 255, found float32"),
        (torch.zeros(2, 3, 32, 16, dtype=torch.bfloat16), "found bfloat16"),
        (PICTURES.astype(np.int64), "found int64"),
        (PICTURES[:, :31], r"expected \(N, 32, 16, 3\) or \(N, 3, 32, 16\), found \(5, 31, 16, 3\); resize"),
        (PICTURES.transpose(0, 2, 1, 3), r"found \(5, 16, 32, 3\)"),
        (PICTURES[..., :1], r"found \(5, 32, 16, 1\)"),
        (np.zeros((32, 16, 4), np.uint8), r"found \(32, 16, 4\)"),
        (np.zeros((32, 16), np.uint8), r"found \(32, 16\)"),
        ([PICTURES[0], PICTURES[1, :20]], r"found \(20, 16, 3\)"),
    ],
)
def test_pictures_that_would_give_other_numbers_are_refused(embedder: Embedder, pictures: Any, found: str) -> None:
    with pytest.raises(DatasetError, match=found) as caught:
        embedder(pictures)
    assert "\n" not in str(caught.value)


def test_modalities_reach_their_stems(tiny: ModelConfig) -> None:
    embedder = make(replace(tiny, encoders="shared", stems="specific"))
    known = [Modality.VISIBLE, Modality.INFRARED, Modality.VISIBLE, Modality.INFRARED, Modality.INFRARED]
    found = embedder(PICTURES, known)
    np.testing.assert_array_equal(embedder(PICTURES, torch.tensor(known)), found)
    np.testing.assert_allclose(embedder(PICTURES, modalities=1)[1], found[1], atol=1e-5)
    assert np.abs(embedder(PICTURES, 1)[0] - found[0]).max() > 0.01
    with pytest.raises(ConfigError, match="expected the modality of every picture"):
        embedder(PICTURES)
    for wrong in ([0, 1], 2, [0, 1, 0, 1, -1], [[0], [1], [0], [1], [1]]):
        with pytest.raises(DatasetError, match=r"modalities: expected 0 \(visible\) or 1 \(infrared\) for each of 5"):
            embedder(PICTURES, wrong)  # type: ignore[arg-type]


def test_a_run_of_another_machine_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained with TF32 on the second GPU of a machine that is not this one."""
    people = prepared_tree(tmp_path / "people")
    assert mvd("train", people, "--out", tmp_path / "run", *TINY, "--evaluate=none", "--schedule.epochs=1") == 0
    run = open_run(tmp_path / "run")
    expected = Embedder.from_pretrained(run.path, device="cpu")(PICTURES)
    elsewhere = replace(run.config.runtime, device="cuda:1", precision="tf32")
    (run.path / "config.json").write_text(to_json(replace(run.config, runtime=elsewhere)))
    run.save_checkpoint("best", *_checkpoint(run.path))
    embedder = Embedder.from_pretrained(run.path, device="cpu", batch=2)
    assert embedder.config.runtime == elsewhere
    monkeypatch.setattr("mvd.inference.embedder.load_checkpoint", None)  # loaded once
    np.testing.assert_allclose(embedder(PICTURES), expected, atol=1e-5)
    monkeypatch.undo()
    with pytest.raises(MvdError, match="expected fp32 or bf16 on cpu, found tf32"):
        Embedder.from_pretrained(run.path, device="cpu", precision="tf32")
    assert Embedder.from_pretrained(run.path, device="cpu", precision="bf16")(PICTURES).dtype == np.float32


def test_auto_is_bf16_where_evaluation_takes_it(
    tiny: ModelConfig, expected: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on CUDA from Ampere on; here the CPU stands for such a device."""
    bf16 = make(tiny, precision="bf16")(PICTURES)
    assert not np.array_equal(bf16, expected)
    monkeypatch.setattr("mvd.runtime.precision._has_tf32", lambda _: True)
    np.testing.assert_array_equal(make(tiny)(PICTURES), bf16)
    np.testing.assert_array_equal(make(tiny, precision="fp32")(PICTURES), expected)


def _checkpoint(path: Path) -> tuple[Any, Any]:
    from mvd.runs import load_checkpoint

    return load_checkpoint(open_run(path).best_checkpoint)


def test_an_own_encoder_has_to_be_passed_and_no_import_path_of_a_file_is_followed(
    tiny: ModelConfig, tmp_path: Path
) -> None:
    encoder = torch.nn.Conv2d(3, 4, kernel_size=8, stride=8)
    config = RunConfig(model=replace(tiny, encoder="no_such_module:make"), data=DataConfig(height=32, width=16))
    network = build_network(config.model, 3, encoder).eval()
    file = tmp_path / "model.safetensors"
    meta = json.dumps({"step": 0, "epoch": 0, "metrics": {}, "best": None})
    save_file(network_tensors(network), file, metadata={"mvd": meta, "config": to_json(config)})
    with pytest.raises(ConfigError, match=r"expected its custom encoder, no_such_module:make, found none"):
        Embedder.from_pretrained(file, device="cpu")
    before = torch.random.get_rng_state()
    found = Embedder.from_pretrained(file, device="cpu", encoder=encoder)
    assert torch.equal(torch.random.get_rng_state(), before)
    expected = Embedder(network, config, device="cpu")
    np.testing.assert_array_equal(found(PICTURES), expected(PICTURES))
