"""Finding a network's weights on disk and on the hub; nothing goes over the network."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from mvd.errors import CheckpointError, ConfigError, HubError, RunError
from mvd.runs.beside import CALIBRATION, PROJECTION
from mvd.weights.hub import CONFIG, WEIGHTS, find_weights, upload


def test_files_and_folders_on_disk_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("me/net") / WEIGHTS
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_weights("me/net") == find_weights(Path("me/net")) == find_weights(file) == file


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a model with model\.safetensors in it, or a run folder"):
        find_weights(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(RunError, match="expected a run folder"):
        find_weights(tmp_path)


def test_only_the_files_that_are_read_are_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / WEIGHTS).touch()
    asked: list[object] = []

    def download(name: str, **more: object) -> str:
        asked.append((name, more))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert find_weights("me/net", "v1") == tmp_path / WEIGHTS
    assert asked == [("me/net", {"revision": "v1", "allow_patterns": [WEIGHTS, CONFIG, CALIBRATION, PROJECTION]})]


@pytest.mark.parametrize("name", ["net", "me/net/more", "https://hub/me/net", ""])
def test_what_is_no_name_of_the_hub_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((HubError, CheckpointError), match=r"expected a .*, found "):
        find_weights(name)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'mvd\[hub\]'"):
        find_weights("me/net")


def test_errors_of_the_library_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route\nto it")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", fail)
    with pytest.raises(HubError, match=r"could not get it \(no route\); check the name"):
        find_weights("me/net")
    with pytest.raises(
        HubError, match=r"could not \(no route\); check the network, and that you are logged in: hf auth login"
    ):
        upload(tmp_path, "me/net", private=False, message="a model")
