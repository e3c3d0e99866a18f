"""Find a trained network on disk, or on the Hugging Face hub through the hub's library (extra `hub`).

A model is a folder with `model.safetensors`, the weights with configuration and card in the metadata; `config.json`,
the configuration; `README.md`, the card as a page; and the results of `mvd calibrate`, if any (`mvd.runs.beside`).
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from mvd.errors import CheckpointError, ConfigError, HubError
from mvd.runs import open_run
from mvd.runs.beside import CALIBRATION, PROJECTION
from mvd.runs.mistaken import describe_no_run

WEIGHTS, CONFIG, PAGE = "model.safetensors", "config.json", "README.md"

_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def find_weights(source: str | Path, revision: str | None = None) -> Path:
    """Find the weights file of a network.

    Args:
        source: a checkpoint; a run folder, for its best checkpoint; a model folder; otherwise "OWNER/NAME" on the hub.
        revision: branch, tag or commit on the hub.

    Raises:
        CheckpointError: a folder is neither a run folder nor a model folder.
        ConfigError: the hub's library is not installed.
        HubError: the hub has no such model, or cannot be reached.
        RunError: a run folder has no checkpoint.
    """
    path = Path(source)
    if not path.exists():
        path = _download(str(source), revision)
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    if (path / "checkpoints").is_dir():
        return open_run(path).best_checkpoint
    raise CheckpointError(
        f"{path}: expected a model with {WEIGHTS} in it, or a run folder, found {describe_no_run(path)}"
    )


def require_hub(name: str) -> None:
    """Check that a name has the hub's form, and that the hub's library is installed.

    Raises:
        ConfigError: the library is not installed.
        HubError: the name is not "OWNER/NAME".
    """
    if not _NAME.fullmatch(name):
        raise HubError(
            f"{name}: expected a file or folder that is there, or OWNER/NAME on the hub, found neither; check the path"
        )
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ConfigError(
            "expected the package huggingface_hub for the hub, found none; install it: pip install 'mvd[hub]'"
        )


def upload(folder: Path, name: str, *, private: bool, message: str) -> str:
    """Upload a model folder to the hub, and return the URL of its page.

    Args:
        folder: the model.
        name: "OWNER/NAME"; the repository is created if it does not exist.
        private: create a private repository.
        message: message of the commit.

    Raises:
        HubError: no user is logged in, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(name, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=name, folder_path=str(folder), commit_message=message).repo_url)
    # The errors of the library, of its HTTP client and of the system have no common base class.
    except Exception as error:
        raise HubError(
            f"{name}: expected to upload to the hub, could not ({_first_line(error)}); check the network, and "
            f"that you are logged in: hf auth login"
        ) from error


def _download(name: str, revision: str | None) -> Path:
    """Download the required files of a model, or use the copy in the hub's cache."""
    require_hub(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=[WEIGHTS, CONFIG, CALIBRATION, PROJECTION])
        )
    except Exception as error:
        raise HubError(
            f"{name}: expected a model on the hub, could not get it ({_first_line(error)}); check the name and the "
            f"network, and for a private one log in with: hf auth login"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
