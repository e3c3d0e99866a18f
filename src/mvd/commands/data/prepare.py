"""`mvd prepare`: write the pictures of a data set to resized, memory-mapped arrays."""

from __future__ import annotations

from pathlib import Path

from mvd.commands.data.training_data import describe_dataset
from mvd.commands.data.training_flags import training_flags
from mvd.config.checks import whole
from mvd.data.layouts import scan
from mvd.data.prepared.arrays import default_folder
from mvd.data.prepared.decoders import Decoder
from mvd.data.prepared.prepare import prepare_arrays
from mvd.data.progress import Progress
from mvd.data.workers import worker_count
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
    """Prepare a data set for training; see `mvd.data.prepare_arrays`.

    Args:
        data: the data set's folder, or the CSV table of own pictures.
        out: folder for the arrays; by default where `mvd train` looks for them.
        height: height of the prepared pictures in pixels.
        width: width of the prepared pictures in pixels.
        trial: RegDB's split, 1 … 10; ignored elsewhere.
        decoder: "pillow", or "fast" for faster packages and slightly different pixels.
        workers: number of processes; 0 means one per core, but at most four.
        progress: called with (pictures done, total pictures).

    Raises:
        ConfigError: size or number of workers is out of range, or the decoder is not installed.
        DatasetError: the data set has a defect, a picture is damaged, or the arrays cannot be written.
    """
    height, width = whole("height", height), whole("width", width)
    if not 16 <= min(height, width) <= max(height, width) <= 4096:
        raise ConfigError(f"expected a height and a width of at least 16 pixels, at most 4096, found {height}×{width}")
    worker_count(workers)  # raises its errors early
    dataset = scan(data, trial=trial)
    folder = default_folder(dataset) if out is None else Path(out)
    prepare_arrays(dataset, folder, height, width, decoder=decoder, workers=workers, progress=progress)
    flags = training_flags(dataset, None if out is None else folder, height, width)
    return PrepareResult(folder=folder, found=describe_dataset(dataset), flags=flags)
