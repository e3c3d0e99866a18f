"""The model in the box: it loads without PyTorch, keeps what its card says, and knows people whom it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import mvd
from mvd.inference import PictureModel, open_model
from mvd.inference.models import box_model
from mvd.inference.onnx_metadata import read_metadata
from mvd.synthetic import VARIED_RIG, Sensor, SyntheticConfig, even_plan, render

BOX = Path(mvd.__file__).parent / "box"
PEOPLE = 16
CONFIG = SyntheticConfig(
    seed=77, plan=even_plan(train=1, validation=0, test=1, pictures=1, rig=VARIED_RIG), height=VARIED_RIG.height
)
VISIBLE = VARIED_RIG.sensors[0]

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> PictureModel:
    pytest.importorskip("onnxruntime")
    return open_model("rendered", device="cpu")


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((BOX / "rendered.json").read_text(encoding="utf-8"))
    return read


def _embed(model: PictureModel, tmp: Path, sensor: Sensor, number: int) -> Floats:
    from PIL import Image

    files = []
    for identity in range(1, PEOPLE + 1):
        file = tmp / f"{sensor.camera}-{identity}-{number}.png"
        Image.fromarray(render(CONFIG, identity, sensor, number)).save(file)
        files.append(file)
    return model(files)


def _rank_1(queries: Floats, gallery: Floats) -> float:
    return float(np.mean((queries @ gallery.T).argmax(axis=1) == np.arange(PEOPLE)))


def test_it_is_small_and_as_large_as_its_card_says(card: dict[str, Any]) -> None:
    assert box_model().stat().st_size < 25_000_000
    metadata = read_metadata(box_model())
    assert metadata.texts["fingerprint"] == card["fingerprint"]
    assert metadata.opset is not None
    assert metadata.opset <= 18


def test_the_card_says_what_it_was_trained_on_and_what_it_is_not_good_for(card: dict[str, Any]) -> None:
    text = (BOX / "rendered.md").read_text(encoding="utf-8")
    assert "rendered people only" in text
    assert "What it is not good for" in text
    assert f"{card['stages'][-1]['settings']['people']:,}" in text
    assert f"{card['held_out']['near-infrared mAP']:.1%}" in text


def test_it_gives_unit_vectors_for_any_batch(model: PictureModel) -> None:
    height, width = model.size
    pictures = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    embeddings = model(pictures)
    assert embeddings.shape == (3, model.width)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert np.allclose(model(pictures[:1]), embeddings[:1], atol=1e-5)


def test_it_knows_rendered_people_it_has_not_seen(model: PictureModel, tmp_path: Path) -> None:
    gallery = _embed(model, tmp_path, VISIBLE, 1)
    assert _rank_1(_embed(model, tmp_path, VISIBLE, 2), gallery) >= 5 / PEOPLE  # chance is 1 / PEOPLE
