"""Writes the synthetic data set in the layout of SYSU-MM01.

    cam1 … cam6/0001 …/0001.jpg …     exp/{train,val,test,available}_id.txt     exp/rand_perm_cam.mat

Everything goes into a folder beside the wanted one, which takes its name when all is done: whoever sees `out` sees
it whole. Pictures are functions of their numbers, so processes share the work identity by identity and their number
changes nothing.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mvd.data.permutations import Permutations, save_permutations
from mvd.data.synthetic.config import SyntheticConfig
from mvd.data.synthetic.picture import render
from mvd.data.synthetic.randomness import Draws, Purpose
from mvd.errors import ConfigError, DatasetError

_RUNS = 10  # of the official protocol


def write_sysu(
    out: Path, config: SyntheticConfig, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> None:
    """Render a data set and write it in the layout of SYSU-MM01.

    Args:
        out: the folder to make; its parents are made, too. An empty one may exist.
        config: what to render; `config.plan` says who and how often.
        workers: number of processes, from 1; the files do not depend on it.
        progress: called with the pictures written so far and in all, in this process; first with 0.

    Raises:
        DatasetError: `out` is a file or a folder that is not empty, something cannot be written, or a process is
            killed.
        ConfigError: `workers` is below 1.
    """
    if workers < 1:
        raise ConfigError(f"workers: expected at least 1, found {workers}")
    out = out.resolve()  # its parent is where the unfinished folder goes, also for "." and for a link
    _check_vacant(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}-unfinished-", dir=out.parent))
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        unfinished.chmod(0o755)  # mkdtemp's is for the owner alone
        _write_lists(unfinished / "exp", config)
        _write_pictures(unfinished, config, workers, progress or _keep_quiet)
        if out.is_dir():
            out.rmdir()
        unfinished.rename(out)
    except OSError as error:
        raise _cannot_write(out, error) from error
    except BrokenProcessPool as error:
        raise DatasetError(
            f"{out}: expected every process to render its people, found one killed, for lack of memory perhaps; "
            f"use fewer --workers"
        ) from error
    finally:
        # After the renaming there is nothing left here; otherwise, on Ctrl-C too, everything is.
        shutil.rmtree(unfinished, ignore_errors=True)


def draw_galleries(config: SyntheticConfig) -> Permutations:
    """Draw the ten random orders of each identity's pictures under each camera."""
    orders: dict[tuple[int, int], npt.NDArray[np.int64]] = {}
    for (camera, identity), count in config.plan.counts.items():
        draws = Draws(config.seed, Purpose.GALLERY, identity=identity, camera=camera)
        orders[camera, identity] = np.stack([draws.permutation(count) + 1 for _ in range(_RUNS)])
    return Permutations(orders=orders)


def _check_vacant(out: Path) -> None:
    try:
        if out.exists() and not out.is_dir():
            raise DatasetError(f"{out}: expected a new folder, found a file; choose another name")
        if out.is_dir() and any(out.iterdir()):
            raise DatasetError(f"{out}: expected a new or empty folder, found files in it; remove it or choose another")
    except OSError as error:
        raise _cannot_write(out, error) from error


def _write_lists(folder: Path, config: SyntheticConfig) -> None:
    plan = config.plan
    folder.mkdir()
    available = sorted(plan.train + plan.validation + plan.test)
    for name, ids in (("train", plan.train), ("val", plan.validation), ("test", plan.test), ("available", available)):
        (folder / f"{name}_id.txt").write_text(",".join(map(str, ids)) + "\n", encoding="ascii", newline="\n")
    save_permutations(folder / "rand_perm_cam.mat", draw_galleries(config))


def _write_pictures(root: Path, config: SyntheticConfig, workers: int, progress: Callable[[int, int], None]) -> None:
    people, done, total = config.plan.people, 0, config.plan.pictures
    progress(done, total)
    if workers == 1:
        for identity in people:
            done += _write_identity(root, config, identity)
            progress(done, total)
        return
    # Spawned processes start clean on every system: a fork copies the caller's threads' locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_leave_interrupts) as pool:
        try:
            for written in _as_finished(pool.submit(_write_identity, root, config, identity) for identity in people):
                done += written
                progress(done, total)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _leave_interrupts() -> None:
    """Let Ctrl-C reach the process that asked for the work, and only it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_finished(jobs: Iterable[Future[int]]) -> Iterable[int]:
    waiting = set(jobs)
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for job in finished:
            yield job.result()


def _write_identity(root: Path, config: SyntheticConfig, identity: int) -> int:
    """Write one identity's pictures, and say how many they are."""
    written = 0
    for (camera, other), count in config.plan.counts.items():
        if other != identity:
            continue
        folder = root / f"cam{camera}" / f"{identity:04d}"
        folder.mkdir(parents=True)
        for picture in range(1, count + 1):
            image = Image.fromarray(render(config, identity, camera, picture))
            image.save(folder / f"{picture:04d}.jpg", quality=config.quality)
        written += count
    return written


def _cannot_write(out: Path, error: OSError) -> DatasetError:
    return DatasetError(f"{out}: expected a place to write to, found none ({error}); choose another or free some space")


def _keep_quiet(done: int, total: int) -> None:
    pass
