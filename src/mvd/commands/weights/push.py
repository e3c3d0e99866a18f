"""`mvd push`: upload the best weights of a run, with their card as the page, to the Hugging Face hub."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from json import dumps
from pathlib import Path

from mvd.config import to_json
from mvd.errors import CheckpointError
from mvd.files.atomic import is_temporary, replacing, write_atomically
from mvd.files.locks import folder_locked
from mvd.reporting.card import model_page
from mvd.runs import load_checkpoint, open_run, read_metadata
from mvd.runs.beside import CALIBRATION, PROJECTION, file_beside
from mvd.runs.recovery import weights_alone
from mvd.weights import write_weights
from mvd.weights.hub import CONFIG, PAGE, WEIGHTS, require_hub, upload


def push(run: str | Path, name: str, *, private: bool = False) -> str:
    """Upload the best weights of a run to the hub.

    Args:
        run: the run folder.
        name: "OWNER/NAME"; the repository is created if it does not exist.
        private: create a private repository.

    Returns:
        The URL of the page.

    Raises:
        RunError: there is no run, or it has no checkpoint.
        ConfigError: the hub's library is not installed.
        HubError: the name is not OWNER/NAME, no user is logged in, or the hub cannot be reached.
    """
    require_hub(name)
    with tempfile.TemporaryDirectory() as folder:
        save_model(run, Path(folder), name)
        return upload(Path(folder), name, private=private, message=f"{Path(run).name}, by mvd push")


def save_model(run: str | Path, folder: Path, name: str) -> None:
    """Write the best weights of a run to a model folder.

    Args:
        run: the run folder.
        folder: the folder to write; files of an existing model are replaced.
        name: the title of the page, "OWNER/NAME".

    Raises:
        RunError: there is no run, or it has no checkpoint.
        CheckpointError: the checkpoint is damaged, or the folder contains something other than a model or cannot be
            written.
        BusyError: another process writes to the folder.
    """
    opened = open_run(Path(run))
    checkpoint = opened.best_checkpoint
    tensors, meta = load_checkpoint(checkpoint)
    card, config = opened.card_with_tests(checkpoint), to_json(opened.config)
    data = dumps(asdict(opened.data.public(card)))
    metadata = {"mvd": dumps(asdict(meta)), "config": config, "card": card.to_json(), "data": data}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_locked(folder):
            # A push that was killed while writing its first file leaves only this lock and temporary files.
            own = f".{WEIGHTS}.lock"
            others = any(file.name != own and not is_temporary(file) for file in folder.iterdir())
            if others and "mvd" not in read_metadata(folder / WEIGHTS):  # WEIGHTS is the first file that is written
                raise CheckpointError(
                    f"{folder}: expected a new folder, or that of a model with our {WEIGHTS} in it, found other files; "
                    f"choose another"
                )
            write_weights(folder / WEIGHTS, weights_alone(tensors), "safetensors", metadata=metadata)
            write_atomically(folder / CONFIG, config)
            _copy_what_is_beside(checkpoint, folder / WEIGHTS)
            write_atomically(folder / PAGE, model_page(card, opened.config, name))
    except OSError as error:
        raise CheckpointError(
            f"{folder}: expected a folder to write a model to, could not ({error.strerror or error}); choose another"
        ) from error


def _copy_what_is_beside(checkpoint: Path, weights: Path) -> None:
    """Copy calibration and projection; remove those of an earlier model in the folder."""
    for name in (CALIBRATION, PROJECTION):
        source, target = file_beside(checkpoint, name), file_beside(weights, name)
        if not source.is_file():
            target.unlink(missing_ok=True)
            continue
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
