"""`mvd synth`: render a synthetic data set and, optionally, a contact sheet of its people."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image

from mvd.data.progress import Progress
from mvd.data.workers import worker_count
from mvd.errors import ConfigError, DatasetError, require_choice
from mvd.files.atomic import replacing
from mvd.files.writable import require_writable_folder
from mvd.results.datasets import SynthResult
from mvd.synthetic import (
    LAYOUTS,
    LLCM,
    REGDB,
    SYSU_MM01,
    VARIED_RIG,
    Difficulty,
    LayoutName,
    SyntheticConfig,
    contact_sheet,
    even_plan,
    write_dataset,
)

Like: TypeAlias = Literal["sysu-mm01", "regdb", "llcm"]

_LIKE: dict[Like, LayoutName] = {"sysu-mm01": "sysu", "regdb": "regdb", "llcm": "llcm"}
_SHEET_PEOPLE = 8


def synth(
    out: str | Path,
    *,
    layout: LayoutName | None = None,
    like: Like | None = None,
    train: int = 64,
    validation: int | None = None,
    test: int = 24,
    pictures: int = 8,
    height: int | None = None,
    seed: int = 0,
    difficulty: Difficulty | None = None,
    thermal: bool = False,
    varied: bool = False,
    sheet: str | Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> SynthResult:
    """Render a data set of people seen by visible and infrared cameras.

    Args:
        out: the folder to create.
        layout: file layout; by default that of `like`, or SYSU-MM01's.
        like: a real data set whose numbers of people and pictures replace the four numbers below.
        train: number of training identities.
        validation: number of validation identities, which determine the best weights; by default 12, or 0 in a layout
            without validation.
        test: number of test identities.
        pictures: pictures of each identity per camera and modality.
        height: mean height of the pictures in pixels; by default that of the layout's cameras.
        seed: random seed of the people and of everything else.
        difficulty: difficulty of the data set; by default `Difficulty()`.
        thermal: whether the infrared cameras are thermal instead of near-infrared.
        varied: people, places, cameras and boxes of the widest variety, as the bundled model is trained on: each
            picture is taken by a random visible, near-infrared or thermal camera. The default layout is then "csv";
            only the layouts of own pictures support it.
        sheet: picture file of a contact sheet.
        workers: number of processes; 0 means one per core.
        progress: called with (pictures done, total pictures).

    Raises:
        DatasetError: the folder is not empty, or the folder or the sheet cannot be written.
        ConfigError: a number is out of range or contradicts `like`; there is no such layout, or it does not support
            such cameras or validation people.
    """
    if layout is not None:
        require_choice("layout", layout, LAYOUTS)
    if like is not None:
        require_choice("like", like, _LIKE)
    plan = {"sysu-mm01": SYSU_MM01, "regdb": REGDB, "llcm": LLCM}[like] if like else None
    if varied and (like or thermal):
        raise ConfigError(
            f"varied: expected neither like nor thermal beside it, found {'like' if like else 'thermal'}; leave one out"
        )
    given = {"train": train, "validation": validation, "test": test, "pictures": pictures}
    usual = signature(synth).parameters
    if like and (own := [name for name, number in given.items() if number != usual[name].default]):
        raise ConfigError(
            f"like: expected no {', '.join(own)} beside it, since {like} has its own numbers, found {own[0]} "
            f"{given[own[0]]}; leave one out"
        )
    name = layout or (_LIKE[like] if like else "csv" if varied else "sysu")
    if plan is None:
        held_out = (12 if LAYOUTS[name].validates else 0) if validation is None else validation
        rig = VARIED_RIG if varied else LAYOUTS[name].rig
        plan = even_plan(train=train, validation=held_out, test=test, pictures=pictures, rig=rig)
    config = SyntheticConfig(
        seed=seed,
        plan=plan,
        height=plan.rig.height if height is None else height,
        thermal=thermal,
        difficulty=difficulty or Difficulty(),
    )
    if sheet is not None:
        _require_sheet(Path(sheet))
    data = write_dataset(Path(out), config, name, workers=worker_count(workers), progress=progress)
    if sheet is not None:
        _draw_sheet(Path(sheet), config)
    return SynthResult(data=data, people=len(plan.people), pictures=plan.pictures)


def _draw_sheet(file: Path, config: SyntheticConfig) -> None:
    page = contact_sheet(config, identities=config.plan.people[:_SHEET_PEOPLE])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            page.save(temporary, Image.registered_extensions()[file.suffix.lower()])
    except (OSError, ValueError) as error:
        raise _no_sheet(file, error) from error


def _require_sheet(file: Path) -> None:
    """Check that the contact sheet can be written, before anything is rendered.

    Raises:
        DatasetError: the file cannot be written, or its suffix is not that of a picture.
    """
    try:
        if Image.registered_extensions().get(file.suffix.lower()) not in Image.SAVE:
            raise ValueError(f"unknown ending {file.suffix!r}")
        require_writable_folder(file.parent)
    except (OSError, ValueError) as error:
        raise _no_sheet(file, error) from error


def _no_sheet(file: Path, error: Exception) -> DatasetError:
    reason = getattr(error, "strerror", None) or error
    return DatasetError(f"{file}: expected a picture file to write, such as sheet.png, could not ({reason})")
