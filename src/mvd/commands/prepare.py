"""`mvd prepare`: a data set into resized, memory-mapped arrays."""

from __future__ import annotations

from pathlib import Path

from mvd.commands.training_data import describe_dataset
from mvd.data import prepare as preparing
from mvd.data.arrays import Progress, default_folder
from mvd.data.decoding import Decoder
from mvd.data.layouts import scan
from mvd.errors import ConfigError
from mvd.results.datasets import PrepareResult


def prepare(
    data: str | Path,
    *,
    out: str | Path | None = None,
    height: int = 288,
    width: int = 144,
    trial: int = 1,
    decoder: Decoder = "pillow",
    workers: int = 0,
    progress: Progress | None = None,
) -> PrepareResult:
    """Prepare a data set for training; see `mvd.data.prepare.prepare` for the arrays and how it goes on if stopped.

    Args:
        data: the data set's folder, or the table of one's own pictures.
        out: folder for the arrays; where `mvd train` looks for them, if not given.
        height: of the prepared pictures, in pixels.
        width: of the prepared pictures, in pixels.
        trial: which split of RegDB, 1 … 10; of no meaning elsewhere.
        decoder: "pillow", or "fast" for other packages and slightly other pixels.
        workers: processes; 0 means one for each core, but four at most.
        progress: called with (pictures done, pictures in all).

    Raises:
        ConfigError: a size of less than 16 pixels, a negative number of workers, or a decoder that is not installed.
        DatasetError: the data set is incomplete or a picture damaged, or the arrays cannot be written.
    """
    if min(height, width) < 16:
        raise ConfigError(f"expected a height and a width of at least 16 pixels, found {height}×{width}")
    if workers < 0:
        raise ConfigError(f"workers: expected 0 (one for each core) or more, found {workers}")
    dataset = scan(Path(data), trial=trial)
    folder = default_folder(dataset) if out is None else Path(out)
    preparing.prepare(dataset, folder, height, width, decoder=decoder, workers=workers, progress=progress)
    return PrepareResult(folder=folder, found=describe_dataset(dataset))
