"""The calibration of an open model, which another process writes, replaces or damages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from galleries import draw, write_people
from starlette.testclient import TestClient
from tiny_program import write_program

from mvd.commands.pictures.gallery import Gallery
from mvd.errors import CheckpointError
from mvd.inference import open_model
from mvd.inference.kept import KeptCalibration, keep_calibration
from mvd.metrics.calibration import Calibration, learn_calibration
from mvd.page.serve import make_page
from mvd.runs.beside import CALIBRATION, file_beside


def learn(fingerprint: str, seed: int = 1) -> Calibration:
    rows = draw(80, people=20, seed=seed)
    return learn_calibration(rows.vectors, np.arange(80) % 20, rows.modalities, model=fingerprint, data="drawn")


def test_an_open_program_takes_its_new_calibration(tmp_path: Path) -> None:
    program = write_program(tmp_path / "tiny.onnx")
    model = open_model(program)
    assert model.calibration is None
    for seed in (1, 2):
        calibration = learn(model.identity.fingerprint, seed)
        keep_calibration(program, calibration)
        assert model.calibration == calibration
    write_program(program, seed=5)  # another model in its place: the one in memory stays calibrated
    assert model.calibration == calibration
    program.unlink()
    assert model.calibration == calibration


def test_beside_a_checkpoint_too(tmp_path: Path) -> None:
    file = tmp_path / "net.safetensors"
    kept = KeptCalibration(file, "a")
    assert kept.read() is None
    calibration = learn("a")
    keep_calibration(file, calibration)
    assert kept.read() == calibration
    keep_calibration(file, learn("b"))  # after further training
    assert kept.read() == calibration
    assert KeptCalibration(file, "a").read() is None
    file_beside(file, CALIBRATION).write_text("{")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="calibration"):
            kept.read()
    file_beside(file, CALIBRATION).unlink()
    assert kept.read() is None


def test_the_page_has_probabilities_as_soon_as_the_model_is_calibrated(tmp_path: Path) -> None:
    program = write_program(tmp_path / "tiny.onnx")
    files = write_people(tmp_path / "photos", people=2)
    Gallery(tmp_path / "gallery", model=program).add(files[1:])
    page = TestClient(make_page(tmp_path / "gallery"), base_url="http://127.0.0.1:8000")
    upload = [("pictures", (files[0].name, files[0].read_bytes(), "image/jpeg"))]
    place = page.post("/search", files=upload, follow_redirects=False).headers["location"]
    assert "is not calibrated; see mvd calibrate" in page.get(place).text
    keep_calibration(program, learn(f"{0:064d}"))
    text = page.get(place).text
    assert "is not calibrated" not in text
    assert "probability" in text


def test_a_model_that_is_there_again_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is remembered for a minute, since finding it out may take a download."""
    now = 1000.0
    monkeypatch.setattr("mvd.commands.pictures.gallery_session.time.monotonic", lambda: now)
    program = write_program(tmp_path / "tiny.onnx")
    Gallery(tmp_path / "gallery", model=program).add(write_people(tmp_path / "photos", people=1))
    gallery = Gallery(tmp_path / "gallery")
    keep_calibration(program, learn(f"{0:064d}"))
    row = gallery.rows()[0].row
    program.rename(tmp_path / "away")
    assert "no probabilities: " in gallery.search(like=row).notes[-1]
    (tmp_path / "away").rename(program)
    assert "no probabilities: " in gallery.search(like=row).notes[-1]
    now += 61
    assert all("no probabilities: " not in note for note in gallery.search(like=row).notes)
