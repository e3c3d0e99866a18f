"""The rehearsal of what is written in the end, before anything expensive: the run's folder, and the space on its disk.

What a run leaves are its last checkpoint, the previous one and the best weights; while one is written, there is one
more. Their size follows from the network and the optimizer.
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


def rehearse_folder(out: Path, runs: Sequence[tuple[RunConfig, int]], *, more: int = 0, remedy: str = "--out") -> None:
    """Try that runs can be written to a folder and that the disk has room for them. Nothing is left there.

    Args:
        out: the run folder, or the folder of several; it need not exist.
        runs: the configuration of each, and the number of identities that it is trained on.
        more: bytes that are written there besides.
        remedy: the argument that chooses another folder.

    Raises:
        RunError: it cannot be written, or there is not enough space.
    """
    try:
        place = require_writable_folder(out)
        free = shutil.disk_usage(place).free
        there = sum(one.stat().st_size for one in out.glob("**/checkpoints/*.safetensors")) if place == out else 0
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
    """Check that ranked lists can be written to a file in the end.

    Args:
        file: the file, .npz.
        top: how many of the gallery are listed; 0 for all.

    Raises:
        ConfigError: its name has another ending, or the number is negative.
        RunError: it cannot be written.
    """
    if file.suffix != ".npz":
        raise ConfigError(f"--save: expected a name that ends in .npz, found {file}; choose another")
    if top < 0:
        raise ConfigError(f"--save-top: expected 0 (all) or more, found {top}")
    with writing(file):
        require_writable(file)


def checkpoint_space(runs: Sequence[tuple[RunConfig, int]]) -> int:
    """Estimate the bytes that runs, one after the other, need at most for checkpoints and logs."""
    if not runs:
        return 0
    sizes = [load_engine(config).checkpoint_size(config, classes) for config, classes in runs]
    kept = sum(2 * (weights + state) + weights + _LOGS for weights, state in sizes)
    return kept + max(map(sum, sizes))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
