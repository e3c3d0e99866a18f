"""Makes run folders. config.json is written last, and removed last: a folder that has it is a run.

Whoever is killed while making one leaves a folder that is taken for free the next time, since all in it is ours; killed
while deleting one, a run that --replace deletes the next time.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from mvd.config import RunConfig, to_json
from mvd.errors import RunError
from mvd.files.atomic import write_atomically, write_json
from mvd.runs.checkpoints import CheckpointMeta, Tensors, write_checkpoint
from mvd.runs.folder import RunData, RunFolder, make_card

_UNFINISHED = {".data.json.part", "data.json", ".config.json.part", "checkpoints"}


def create_run(
    path: Path,
    config: RunConfig,
    data: RunData,
    *,
    replace: bool,
    start: tuple[Tensors, CheckpointMeta] | None = None,
) -> RunFolder:
    """Make a run folder.

    Args:
        path: the folder, which must be free (`is_free`), unless `replace`.
        config: written to it.
        data: written to it.
        replace: delete a run that is there; anything else is never deleted.
        start: a checkpoint that the run goes on from.

    Raises:
        RunError: the folder is taken, or cannot be made; or somebody is at work on the run that is there.
    """
    if not is_free(path):
        if not (path / "config.json").is_file():
            raise RunError(f"{path}: expected a new folder for the run, found something else; choose another --out")
        if not replace:
            raise RunError(
                f"{path}: expected a new folder for the run, found a run; go on with it: mvd train --resume {path}, "
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
                like=path / "data.json",
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
    """Tell whether a run can be made at a place: there is nothing, or an empty folder, or a run never quite made."""
    if not path.is_dir():
        return not path.exists()
    names = {file.name for file in path.iterdir()}
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
