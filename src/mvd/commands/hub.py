"""Trained networks to a hub and back, in the way of the Hugging Face hub and through its own library.

A model is a folder: `model.safetensors`, the weights with configuration and card in their metadata; `config.json`, the
configuration; `README.md`, the card as a page. `push` makes one of a run and uploads it, `from_pretrained` takes one
from the hub or from the disk. The library is optional: `pip install 'mvd[hub]'`; folders on the disk need it not.

Shapes: B pictures in a batch, H × W pixels, N pictures, D width of a descriptor.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mvd.commands.engine import load_engine
from mvd.config import RunConfig, to_json
from mvd.data.images import PictureFiles
from mvd.data.sources import Held, Pictures
from mvd.errors import CheckpointError, ConfigError, HubError
from mvd.report.card import model_page
from mvd.runs import OPTIMIZER_PREFIX, Card, load_checkpoint, open_run, read_card, read_config
from mvd.weights import count_classes, load_whole, write_weights

Modalities = npt.NDArray[np.int64]
Embeddings = npt.NDArray[np.float32]

WEIGHTS, CONFIG, PAGE = "model.safetensors", "config.json", "README.md"

_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained network.

    Attributes:
        weights: the file.
        config: the configuration that it was trained by.
        classes: K, people that it was trained on.
        card: what is known of it; None if the file carries no card.
    """

    weights: Path
    config: RunConfig
    classes: int
    card: Card | None

    def describe(self, pictures: npt.NDArray[np.uint8], modalities: Modalities | None = None) -> Embeddings:
        """Describe pictures for ranking by cosine. The weights are loaded for each call: give it all there are.

        Args:
            pictures: (N, H, W, 3) uint8, RGB, of the configuration's H × W.
            modalities: (N,), 0 visible and 1 infrared; needed only by a network with a stem for each.

        Returns:
            (N, D) float32.

        Raises:
            CheckpointError: the file is gone or damaged.
            ConfigError: the device is not there, or the network needs modalities.
        """
        return self._describe(Held(pictures), modalities)

    def describe_files(self, files: Sequence[Path | str], modalities: Modalities | None = None) -> Embeddings:
        """Read pictures and describe them; see `describe`.

        Raises:
            DatasetError: a picture cannot be read.
        """
        data, runtime = self.config.data, self.config.runtime
        pictures = PictureFiles(
            root=Path(),
            paths=[str(file) for file in files],
            height=data.height,
            width=data.width,
            workers=runtime.workers,
        )
        return self._describe(pictures, modalities)

    def _describe(self, pictures: Pictures, modalities: Modalities | None) -> Embeddings:
        engine = load_engine(self.config)
        return engine.embed(self.config, self.classes, self.weights, pictures, modalities=modalities)


def from_pretrained(source: str | Path, *, revision: str | None = None, device: str = "auto") -> Model:
    """Take a trained network from the hub or from the disk.

    Args:
        source: "OWNER/NAME" on the hub; or a folder of a model, a run folder, or a checkpoint of a run.
        revision: branch, tag or commit on the hub.
        device: where to compute; see `RuntimeConfig`.

    Raises:
        CheckpointError: what is there is no network of mvd, or damaged.
        ConfigError: the hub's library is not installed.
        HubError: there is no such model on the hub, or the hub cannot be reached.
        RunError: a run folder has no checkpoint.
    """
    path = Path(source)
    file = _file_in(path if path.exists() else _download(str(source), revision))
    config = read_config(file)
    if config is None:
        raise CheckpointError(
            f"{file}: expected weights of mvd with their configuration, found none in it; make a run folder of foreign "
            f"weights with mvd import"
        )
    config = replace(config, runtime=replace(config.runtime, device=device))
    classes = count_classes(load_whole(file, config.model).tensors)
    return Model(weights=file, config=config, classes=classes, card=read_card(file))


def push(run: Path, name: str, *, private: bool = False) -> str:
    """Upload the best weights of a run, with their card, to the hub.

    Args:
        run: the run folder.
        name: "OWNER/NAME"; made, if it is not there.
        private: whether a repository that is made is private.

    Returns:
        The address of the page.

    Raises:
        RunError: there is no run, or it has no checkpoint.
        ConfigError: the hub's library is not installed.
        HubError: the name is none, nobody is logged in, or the hub cannot be reached.
    """
    _require_name(name)
    _require_library()
    from huggingface_hub import HfApi

    with tempfile.TemporaryDirectory() as folder:
        save_model(run, Path(folder), name)
        try:
            api = HfApi()
            api.create_repo(name, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=name, folder_path=folder, commit_message=f"{run.name}, by mvd push")
        # Its own errors, its transport's and the system's have no base in common.
        except Exception as error:
            raise HubError(
                f"{name}: expected to upload to the hub, could not ({_first_line(error)}); log in with: hf auth login"
            ) from error
    return str(commit.repo_url)


def save_model(run: Path, folder: Path, name: str) -> None:
    """Write the best weights of a run as the folder of a model.

    Args:
        run: the run folder.
        folder: where to; files of a model that are there are replaced.
        name: what the page calls it, "OWNER/NAME".

    Raises:
        RunError: there is no run, or it has no checkpoint.
        CheckpointError: the checkpoint is damaged, or the folder cannot be written to.
    """
    opened = open_run(run)
    checkpoint = opened.best_checkpoint
    tensors, meta = load_checkpoint(checkpoint)
    own = {name: array for name, array in tensors.items() if not name.startswith(OPTIMIZER_PREFIX)}
    card, config = opened.card_with_tests(checkpoint), to_json(opened.config)
    metadata = {"mvd": json.dumps(asdict(meta)), "config": config, "card": card.to_json()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / WEIGHTS, own, "safetensors", metadata=metadata)
        (folder / CONFIG).write_text(config, encoding="utf-8")
        (folder / PAGE).write_text(model_page(card, opened.config, name), encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"{folder}: expected a folder to write a model to, could not ({error.strerror or error}); choose another"
        ) from error


def _file_in(path: Path) -> Path:
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    if (path / "checkpoints").is_dir():
        return open_run(path).best_checkpoint
    raise CheckpointError(f"{path}: expected a model with {WEIGHTS} in it, or a run folder, found neither")


def _download(name: str, revision: str | None) -> Path:
    """Take a model from the hub, or from the copy that was kept; only the files that are read."""
    _require_name(name)
    _require_library()
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[WEIGHTS, CONFIG]))
    except Exception as error:
        raise HubError(
            f"{name}: expected a model on the hub, could not get it ({_first_line(error)}); check the name and the "
            f"network, and for a private one log in with: hf auth login"
        ) from error


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise HubError(f"{name}: expected a folder that is there, or OWNER/NAME on the hub, found neither")


def _require_library() -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ConfigError(
            "expected the package huggingface_hub for the hub, found none; install it: pip install 'mvd[hub]'"
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
