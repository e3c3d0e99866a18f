"""`mvd synth`: a synthetic data set onto the disk, and a page of its people."""

from __future__ import annotations

from pathlib import Path

from mvd.data.arrays import Progress
from mvd.data.images import worker_count
from mvd.errors import DatasetError
from mvd.synthetic import LayoutName, SyntheticConfig, contact_sheet, write_dataset


def synth(
    out: Path,
    config: SyntheticConfig,
    layout: LayoutName = "sysu",
    *,
    workers: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Render a data set.

    Args:
        out: the folder to make.
        config: what to render.
        layout: how it lies on the disk; the plan's cameras must fit.
        workers: processes; 0 means one for each core.
        progress: called with (pictures done, pictures in all).

    Returns:
        What to give to the other commands: the folder, or the table in it.

    Raises:
        DatasetError: the folder is taken or cannot be written.
        ConfigError: the layout has no place for the plan's cameras or validation people.
    """
    return write_dataset(out, config, layout, workers=worker_count(workers), progress=progress)


def draw_sheet(file: Path, config: SyntheticConfig, people: int) -> None:
    """Draw a contact sheet of the first people in the data set into a picture file.

    Raises:
        DatasetError: the file cannot be written, or its ending is no picture's.
    """
    sheet = contact_sheet(config, identities=config.plan.people[:people])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(file)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{file}: expected a picture file to write, such as sheet.png, could not ({error})"
        ) from error
