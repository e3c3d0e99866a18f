"""Models to the hub and back: the library is met at its boundary, nothing goes over the network."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from shell import TINY, mvd, printed, refused

from mvd.data.pictures import PictureArray
from mvd.errors import CheckpointError, ConfigError, HubError
from mvd.inference.embedder import Embedder
from mvd.runs import open_run
from mvd.runs.beside import CALIBRATION, PROJECTION
from mvd.training import engine
from mvd.weights import read_weights, write_weights
from mvd.weights.hub import CONFIG, PAGE, WEIGHTS, find_weights

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 32, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def run(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert mvd("train", people, "--out", out, *TINY, "--seed", "7") == 0
    return out


@pytest.fixture
def uploaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the hub's copy of what was uploaded."""
    hub = tmp_path / "hub"

    def upload(_: object, *, repo_id: str, folder_path: str, commit_message: str) -> object:
        shutil.copytree(folder_path, hub / repo_id)
        return SimpleNamespace(repo_url=f"https://hub/{repo_id}")

    def download(repo_id: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        if not (hub / repo_id).exists():
            raise huggingface_hub.errors.LocalEntryNotFoundError("it is not there\nand more")
        assert {WEIGHTS, CONFIG, CALIBRATION, PROJECTION} == set(allow_patterns)
        return str(hub / repo_id)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return hub


def test_a_run_goes_to_the_hub_and_comes_back(
    run: Path, people: Path, uploaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mvd("push", run, "me/net") == 0
    assert printed(capsys) == "https://hub/me/net"
    assert sorted(file.name for file in (uploaded / "me" / "net").iterdir()) == sorted([WEIGHTS, CONFIG, PAGE])
    embedder = Embedder.from_pretrained("me/net", device="cpu")
    opened = open_run(run)
    assert embedder.config == opened.config
    expected = engine.embed(opened.config, 3, opened.best_checkpoint, PictureArray(PICTURES))
    np.testing.assert_array_equal(embedder(PICTURES), expected)
    assert embedder.card is not None
    assert (embedder.card.seed, embedder.card.people, embedder.card.split) == (7, 3, "train")
    tested = {one.protocol for one in embedder.card.figures if one.people == "test"}
    assert "sysu/all-search/single-shot/seeded" in tested


def test_the_page_says_what_the_card_says(run: Path, tmp_path: Path) -> None:
    assert mvd("push", run, tmp_path / "model", "--local") == 0
    page = (tmp_path / "model" / PAGE).read_text()
    assert page.startswith("---\nlicense: other\n")
    for text in ("| seed | 7 |", "sysu/all-search/single-shot/seeded, test people", "resized to\n32×16", "Apache-2.0"):
        assert text in page
    assert not any(name.startswith("optimizer/") for name in read_weights(tmp_path / "model" / WEIGHTS).tensors)


def test_models_on_the_disk_need_no_library(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mvd("push", run, tmp_path / "model", "--local") == 0
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    expected = Embedder.from_pretrained(tmp_path / "model", device="cpu")(PICTURES)
    for source in (run, open_run(run).best_checkpoint, open_run(run).checkpoint("last")):
        assert Embedder.from_pretrained(str(source), device="cpu")(PICTURES).shape == expected.shape
    np.testing.assert_array_equal(Embedder.from_pretrained(run, device="cpu")(PICTURES), expected)
    with pytest.raises(ConfigError, match=r"pip install 'mvd\[hub\]'"):
        find_weights("me/net")


def test_what_is_no_model_is_one_line(
    run: Path, tmp_path: Path, uploaded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(HubError, match=r"me/other: .*could not get it \(it is not there\);"):
        find_weights("me/other")
    with pytest.raises(HubError, match="expected a file or folder that is there, or OWNER/NAME"):
        find_weights("nowhere")
    with pytest.raises(CheckpointError, match=r"expected a model with model\.safetensors"):
        find_weights(tmp_path)
    write_weights(tmp_path / WEIGHTS, {"a": np.zeros(1)}, "safetensors")
    with pytest.raises(CheckpointError, match="with their configuration, found none"):
        Embedder.from_pretrained(tmp_path)
    assert "OWNER/NAME" in refused(capsys, "push", run, "name")
    assert "expected a run folder" in refused(capsys, "push", tmp_path, "me/net")
    (tmp_path / WEIGHTS).write_bytes(b"\xff\xd8\xff\xe0 no weights")
    with pytest.raises(CheckpointError, match="found a JPEG picture"):
        Embedder.from_pretrained(tmp_path)


def test_a_model_is_written_to_no_folder_of_something_else(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir()
    (project / PAGE).write_text("mine")
    other.mkdir()
    write_weights(other / WEIGHTS, {"a": np.zeros(1)}, "safetensors")
    for folder in (project, other, run):
        before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        assert "expected a new folder, or that of a model" in refused(capsys, "push", run, folder, "--local")
        assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    for _ in range(2):
        assert mvd("push", run, tmp_path / "model", "--local") == 0
    (tmp_path / "file").touch()
    assert "expected a folder to write a model to" in refused(capsys, "push", run, tmp_path / "file" / "x", "--local")


def test_an_upload_that_fails_is_one_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route\nto it")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", fail)
    assert "could not (no route); check the network, and that you are logged in: hf auth login" in refused(
        capsys, "push", run, "me/net"
    )


def test_the_librarys_own_offline_mode_is_one_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="me/never: expected a model on the hub, could not get it"):
        Embedder.from_pretrained("me/never")
    assert "offline" in refused(capsys, "push", run, "me/net")


def test_a_push_that_was_killed_at_its_first_file_is_made_again(run: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name in (f".model.safetensors.{'0' * 16}.part", ".model.safetensors.lock"):
        (model / name).write_bytes(b"half")
    assert mvd("push", run, model, "--local") == 0
    assert sorted(file.name for file in model.iterdir()) == ["README.md", "config.json", "model.safetensors"]
