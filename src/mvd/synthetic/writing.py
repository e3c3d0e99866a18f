"""Write a synthetic data set to disk, in any layout.

Everything is written to a temporary folder next to `out`, which is renamed at the end, so `out` is either complete or
absent. A picture depends only on its identity, camera and number, so the number of processes does not change a byte.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL import Image

from mvd.data.progress import Progress, silent
from mvd.data.workers import run_unordered
from mvd.errors import ConfigError, DatasetError, MvdError
from mvd.files.locks import name_locked
from mvd.files.names import escaped, is_utf8
from mvd.synthetic.config import SyntheticConfig
from mvd.synthetic.layouts import LAYOUTS, LayoutName
from mvd.synthetic.picture import render


def write_dataset(
    out: Path,
    config: SyntheticConfig,
    layout: LayoutName = "sysu",
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Render a data set and write it.

    Args:
        out: output folder, created with its parents; it must be empty if it exists.
        config: the data set.
        layout: layout of the files.
        workers: number of processes, at least 1; the files do not depend on it.
        progress: called with (pictures written, pictures in total), in this process; first with 0.

    Returns:
        The path of the data set: `out`, or the table in it.

    Raises:
        DatasetError: `out` is a file or a non-empty folder, a file cannot be written, or a process is killed.
        ConfigError: `workers` is below 1, there is no such layout, or it does not support the plan.
    """
    if workers < 1:
        raise ConfigError(f"workers: expected at least 1, found {workers}")
    if layout not in LAYOUTS:
        raise ConfigError(f"layout: expected one of {', '.join(LAYOUTS)}, found {layout!r}")
    LAYOUTS[layout].check(config.plan)
    # Path.resolve raises an error of its own for a link that leads to itself.
    _write_whole(Path(os.path.realpath(out)), config, layout, workers, progress or silent)
    return out / LAYOUTS[layout].data


def _write_whole(out: Path, config: SyntheticConfig, layout: LayoutName, workers: int, progress: Progress) -> None:
    """Write to a folder next to `out`, then rename it; `out` is a resolved path, so that it has a parent."""
    _check_vacant(out)
    with ExitStack() as stack:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(name_locked(out))
            for leftover in out.parent.glob(f".{glob.escape(out.name)}-unfinished-*"):  # of a process that was killed
                shutil.rmtree(leftover)
            unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}-unfinished-", dir=out.parent))
        except OSError as error:
            raise _cannot_write(out, error) from error
        _fill(unfinished, out, config, layout, workers=workers, progress=progress)


def _fill(
    unfinished: Path,
    out: Path,
    config: SyntheticConfig,
    layout: LayoutName,
    *,
    workers: int,
    progress: Progress,
) -> None:
    try:
        unfinished.chmod(0o755)  # mkdtemp's is for the owner alone
        LAYOUTS[layout].write_lists(unfinished, config)
        _write_pictures(unfinished, config, layout, workers, progress)
        if out.is_dir():
            out.rmdir()
        unfinished.rename(out)
    except OSError as error:
        raise _cannot_write(out, error) from error
    except MvdError as error:  # of a file there
        raise type(error)(str(error).replace(str(unfinished), str(out))) from error
    except BrokenProcessPool as error:
        raise DatasetError(
            f"{out}: expected every process to render its people, found one killed, for lack of memory perhaps; "
            f"use fewer --workers"
        ) from error
    finally:
        # After the renaming there is nothing left here; otherwise, on Ctrl-C too, everything is.
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_vacant(out: Path) -> None:
    if not is_utf8(out.name):
        raise DatasetError(f"{out.parent}: expected a name in UTF-8, found {escaped(out.name)}; choose another")
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise DatasetError(f"{out}: expected a new folder, found a file; choose another name")
        if out.is_dir() and any(out.iterdir()):
            raise DatasetError(f"{out}: expected a new or empty folder, found files in it; remove it or choose another")
    except OSError as error:
        raise _cannot_write(out, error) from error


def _write_pictures(root: Path, config: SyntheticConfig, layout: LayoutName, workers: int, progress: Progress) -> None:
    done, total = 0, config.plan.pictures
    # A process gets the plan of one person only: sending the whole plan for each would keep it waiting.
    jobs = (replace(config, plan=config.plan.of(identity)) for identity in config.plan.people)
    progress(done, total)
    with closing(run_unordered(partial(_write_person, root, layout), jobs, workers)) as results:
        for _, written in results:
            done += written
            progress(done, total)


def _write_person(root: Path, layout: LayoutName, config: SyntheticConfig) -> int:
    """Write the pictures of a plan of one person; return their number."""
    place = LAYOUTS[layout].place
    for shot in config.plan.shots(*config.plan.people):
        file = root / place(config.plan, shot)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(render(config, *shot)).save(file, quality=config.quality)
    return config.plan.pictures


def _cannot_write(out: Path, error: OSError) -> DatasetError:
    reason = error.strerror or error
    return DatasetError(
        f"{out}: expected a place to write to, found none ({reason}); choose another or free some space"
    )
