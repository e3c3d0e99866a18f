"""`mvd prepare`: a data set's folder into resized, memory-mapped arrays."""

from __future__ import annotations

from pathlib import Path

from mvd.commands.data import describe_dataset
from mvd.data import store
from mvd.data.layouts.sysu import scan_sysu
from mvd.errors import ConfigError


def prepare(
    data: Path,
    *,
    out: Path | None = None,
    height: int = 288,
    width: int = 144,
    workers: int = 0,
    progress: store.Progress | None = None,
) -> str:
    """Prepare a data set for training; see `mvd.data.store.prepare` for the arrays.

    Args:
        data: the data set's folder.
        out: folder for the arrays; `data`, if not given.
        height: of the prepared pictures, in pixels.
        width: of the prepared pictures, in pixels.
        workers: threads; 0 means one for each core.
        progress: called with (pictures done, pictures in all).

    Returns:
        What was found, in one line.

    Raises:
        ConfigError: a size of less than 16 pixels.
        DatasetError: the data set is incomplete or a picture damaged, or the arrays cannot be written.
    """
    if min(height, width) < 16:
        raise ConfigError(f"expected a height and a width of at least 16 pixels, found {height}×{width}")
    dataset = scan_sysu(data)
    store.prepare(dataset, out or data, height, width, workers=workers, progress=progress)
    return describe_dataset(dataset)
