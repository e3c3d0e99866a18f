"""Creates run folders. config.json is written last and removed last: a folder that has it is a run.

A process that is killed while it creates one leaves a folder that counts as free, since all in it is ours; killed while
it deletes one, it leaves a run that --replace deletes the next time.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from mvd.config import RunConfig, to_json
from mvd.errors import RunError
from mvd.files.atomic import is_temporary, write_atomically, write_json
from mvd.runs.checkpoints import CheckpointMeta, Tensors, write_checkpoint
from mvd.runs.folder import RunData, RunFolder, make_card

_UNFINISHED = {"data.json", "checkpoints"}


def create_run(
    path: Path,
    config: RunConfig,
    data: RunData,
    *,
    replace: bool,
    start: tuple[Tensors, CheckpointMeta] | None = None,
) -> RunFolder:
    """Create a run folder.

    Args:
        path: the folder, which must be free (`is_free`), unless `replace`.
        config: written to config.json.
        data: written to data.json.
        replace: delete an existing run; anything else is never deleted.
        start: a checkpoint that the run starts from.

    Raises:
        RunError: the folder is taken or cannot be created, or another process works on the existing run.
    """
    if not is_free(path):
        if not (path / "config.json").is_file():
            raise RunError(f"{path}: expected a new folder for the run, found something else; choose another --out")
        if not replace:
            raise RunError(
                f"{path}: expected a new folder for the run, found a run; continue it: mvd train --resume {path}, "
                f"or start afresh: --replace, or choose another --out"
            )
    run = RunFolder(path)
    try:
        if (path / "config.json").is_file():
            with run.locked():
                _empty(path)
        elif path.exists():
            _empty(path)
        (path / "config.json").unlink(missing_ok=True)
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "data.json", asdict(data))
        if start is not None:
            write_checkpoint(
                run.checkpoint("last"),
                *start,
                config=config,
                card=make_card(config, data, start[1]),
                remedy="then start the same command again",
            )
        write_atomically(path / "config.json", to_json(config))
    except OSError as error:
        raise RunError(
            f"{path}: expected a folder to write the run to, could not make it ({error.strerror or error}); "
            f"choose another --out"
        ) from error
    return run


def is_free(path: Path) -> bool:
    """Whether a run can be created: the folder is missing, empty, or was never completed."""
    if not path.is_dir():
        return not path.exists()
    names = {file.name for file in path.iterdir() if not is_temporary(file)}
    return names <= _UNFINISHED and ("checkpoints" not in names or _is_data(path))


def _is_data(path: Path) -> bool:
    try:
        return bool(RunFolder(path).data)
    except RunError:
        return False


def _empty(path: Path) -> None:
    """Delete all but config.json."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != "config.json":
            entry.unlink()
