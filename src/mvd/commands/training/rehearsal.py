"""Checks before an expensive computation that its results can be written: the folder, and the free space on its disk.

A run stores its last and previous checkpoints and the best weights, and one more file while a checkpoint is written.
Their size follows from the network and the optimizer.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from mvd.commands.engine import load_engine
from mvd.config import RunConfig
from mvd.errors import ConfigError, RunError
from mvd.files.atomic import writing
from mvd.files.writable import require_writable, require_writable_folder

_LOGS = 16_000_000  # bytes: log lines, events, figures


def rehearse_folder(
    out: Path,
    runs: Sequence[tuple[RunConfig, int]],
    *,
    folders: Sequence[Path] | None = None,
    more: int = 0,
    remedy: str = "--out",
) -> None:
    """Check that runs can be written to a folder, and that the disk has enough space. The check leaves no files.

    Args:
        out: the run folder, or the folder of several runs; it need not exist.
        runs: configuration and number of training identities of each run.
        folders: the run folders, whose checkpoints will be replaced; by default `out` and all in it.
        more: further bytes that are written to the folder.
        remedy: the argument that selects another folder, for the error.

    Raises:
        RunError: the folder cannot be written, or there is not enough space.
    """
    try:
        place = require_writable_folder(out)
        free = shutil.disk_usage(place).free
        replaced = [one for folder in folders or [out] for one in folder.glob("**/checkpoints/*.safetensors")]
        there = sum(one.stat().st_size for one in replaced)
    except OSError as error:
        raise RunError(
            f"{out}: expected a folder that a run can be written to, could not write there "
            f"({error.strerror or error}); choose another {remedy}"
        ) from error
    needed = more + checkpoint_space(runs) - there
    if needed > free:
        raise RunError(
            f"{out}: expected {_size(needed)} on that disk, for three checkpoints of a run, its best weights and logs, "
            f"found {_size(free)} free; free some, or choose another {remedy}"
        )


def require_savable(file: Path, top: int) -> None:
    """Check that ranked lists can be written to a file.

    Args:
        file: the file, .npz.
        top: length of the ranked lists; 0 for the whole gallery.

    Raises:
        ConfigError: the suffix is not .npz, or `top` is negative.
        RunError: the file cannot be written.
    """
    if file.suffix != ".npz":
        raise ConfigError(f"--save: expected a name that ends in .npz, found {file}; choose another")
    if top < 0:
        raise ConfigError(f"--save-top: expected 0 (all) or more, found {top}")
    with writing(file):
        require_writable(file)


def checkpoint_space(runs: Sequence[tuple[RunConfig, int]]) -> int:
    """Estimate the largest space, in bytes, that consecutive runs need for checkpoints and logs."""
    if not runs:
        return 0
    sizes = [load_engine(config).checkpoint_size(config, classes) for config, classes in runs]
    kept = sum(2 * (weights + state) + weights + _LOGS for weights, state in sizes)
    return kept + max(map(sum, sizes))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
