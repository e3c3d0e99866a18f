"""Create run folders. config.json is written last and removed last: a folder that contains it is a run.

The folder is locked before it is read or written, so that only one of two concurrent processes creates a run in it. A
process that is killed while it creates a run leaves a folder that counts as free, since it contains only our files. A
process that is killed while it deletes a run leaves a run, which --replace deletes the next time.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from mvd.config import RunConfig, to_json
from mvd.errors import RunError
from mvd.files.atomic import is_temporary, write_atomically, write_json
from mvd.files.names import shell_words
from mvd.runs.beside import CALIBRATION, PROJECTION
from mvd.runs.checkpoints import CheckpointMeta, Tensors, write_checkpoint
from mvd.runs.data import RunData, make_card
from mvd.runs.folder import CheckpointName, RunFolder

_UNFINISHED = {"data.json", "checkpoints"}
_CHECKPOINTS = {f"{name}.safetensors" for name in ("last", "previous", "best", "damaged")}
_OURS = (
    "data.json", "changes.json", "metrics.jsonl", "state.json", "figures.json", "evaluation-*.json", "mvd*.onnx",
    "mvd*.mindir*", "tensorboard", CALIBRATION, PROJECTION,
)  # fmt: skip
"""Files of a run folder apart from config.json and checkpoints; all other files in it are the user's."""


@contextmanager
def creating_run(
    path: Path,
    config: RunConfig,
    data: RunData,
    *,
    replace: bool,
    start: tuple[Tensors, CheckpointMeta] | None = None,
    checkpoint: CheckpointName = "last",
) -> Iterator[RunFolder]:
    """Create a run folder, and hold its lock during the context.

    Args:
        path: the folder, which must be free (`is_free`), unless `replace`.
        config: configuration, written to config.json.
        data: training data, written to data.json.
        replace: delete an existing run; other files in the folder are never deleted.
        start: the checkpoint from which the run starts.
        checkpoint: the name of that checkpoint.

    Raises:
        RunError: the folder is taken or cannot be created, or another process works on the run.
    """
    run = RunFolder(path)
    try:
        if path.exists() and not path.is_dir():
            raise RunError(f"{path}: expected a new folder for the run, found something else; choose another --out")
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_make(path, error) from error
    with run.locked():
        try:
            _require_free(path, replace=replace)
            empty_run(path)
            (path / "config.json").unlink(missing_ok=True)
            write_json(path / "data.json", asdict(data))
            if start is not None:
                write_checkpoint(
                    run.checkpoint(checkpoint),
                    *start,
                    config=config,
                    card=make_card(config, data, start[1]),
                    people=data.identity,
                    remedy="then start the same command again",
                )
            write_atomically(path / "config.json", to_json(config))
        except OSError as error:
            raise _cannot_make(path, error) from error
        yield run


def create_run(
    path: Path,
    config: RunConfig,
    data: RunData,
    *,
    replace: bool,
    start: tuple[Tensors, CheckpointMeta] | None = None,
    checkpoint: CheckpointName = "last",
) -> RunFolder:
    """Create a run folder like `creating_run`, and release its lock."""
    with creating_run(path, config, data, replace=replace, start=start, checkpoint=checkpoint) as run:
        return run


def is_free(path: Path) -> bool:
    """Return whether a run can be created: the folder is missing, empty, or was never completed.

    Raises:
        RunError: the folder cannot be read.
    """
    try:
        if not path.is_dir():
            return not path.exists()
        names = {file.name for file in path.iterdir() if not is_temporary(file)}
    except OSError as error:
        raise _cannot_make(path, error) from error
    return "config.json" not in names and (names <= _UNFINISHED - {"checkpoints"} or _is_data(path))


def empty_run(path: Path) -> None:
    """Delete the files of a run, except config.json; the user's own files are kept."""
    for entry in [entry for pattern in _OURS for entry in path.glob(pattern)]:
        _delete(entry)
    for folder in (path, path / "checkpoints"):
        for entry in list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []:
            if is_temporary(entry) or (folder != path and entry.name in _CHECKPOINTS):
                _delete(entry)
    if (path / "checkpoints").is_dir() and not any((path / "checkpoints").iterdir()):
        (path / "checkpoints").rmdir()


def _require_free(path: Path, *, replace: bool) -> None:
    if is_free(path):
        return
    if not (path / "config.json").is_file():
        raise RunError(f"{path}: expected a new folder for the run, found something else; choose another --out")
    if not replace:
        raise RunError(
            f"{path}: expected a new folder for the run, found a run; continue it: mvd train --resume "
            f"{shell_words(path)}, or start afresh: --replace, or choose another --out"
        )


def _is_data(path: Path) -> bool:
    try:
        return bool(RunFolder(path).data)
    except RunError:
        return False


def _delete(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _cannot_make(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path}: expected a folder to write the run to, could not make it ({error.strerror or error}); "
        f"choose another --out"
    )
