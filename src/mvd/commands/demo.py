"""`mvd demo`: everything in one go on synthetic people: render, prepare, train, evaluate.

The sizes here and in the recipe "demo" were chosen together (docs/LOG.md): people enough to learn what people look
like in both modalities, pictures and network small enough for two cores, all of it well under ten minutes. The
pictures are easier than those that `mvd synth` renders by default: people face the camera more or less, little
stands in front of them, and patterns keep their edges in the infrared.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from mvd.commands.evaluate import evaluate
from mvd.commands.prepare import prepare
from mvd.commands.synth import draw_sheet, synth
from mvd.commands.train import train
from mvd.config.recipes import DEMO
from mvd.data.arrays import Progress
from mvd.errors import RunError
from mvd.metrics.scores import Result
from mvd.runs import RunFolder, write_atomically
from mvd.runs.observer import Observer
from mvd.synthetic import Difficulty, SyntheticConfig, even_plan

# Many people and few pictures of each: a network that is to tell strangers apart must have seen many.
PLAN = even_plan(train=480, validation=16, test=24, pictures=2)
DIFFICULTY = Difficulty(views=0.15, occlusion=0.03, box_jitter=0.01, print_in_infrared=1.0, noise=0.5, blur=0.5)
PICTURE_HEIGHT = 128
SHEET_PEOPLE = 8

_MARKER = "demo.json"


@dataclass(frozen=True, kw_only=True)
class Screens:
    """How the demo shows that it goes on.

    Attributes:
        counting: makes what counts pictures, from a title.
        training: makes what watches the training.
    """

    counting: Callable[[str], AbstractContextManager[Progress]]
    training: Callable[[], AbstractContextManager[Observer]]


@dataclass(frozen=True, kw_only=True)
class DemoOutcome:
    """What the demo found.

    Attributes:
        run: the run folder; its data is the rendered pictures.
        sheet: a contact sheet of the people.
        untrained: results of the network as it was before training, one for each search.
        trained: results of its best weights.
    """

    run: RunFolder
    sheet: Path
    untrained: list[Result]
    trained: list[Result]


def demo(out: Path, seed: int, *, screens: Screens, replace_old: bool = False) -> DemoOutcome | None:
    """Render people, train on some of them, and evaluate on others.

    Args:
        out: the folder to make, for the pictures and the run.
        seed: decides the people and the training.
        screens: how to show progress.
        replace_old: delete a demo that is in `out`; anything else is never deleted.

    Returns:
        The outcome, or None when training was stopped.

    Raises:
        RunError: the folder is taken.
        MvdError: as the single commands.
    """
    config = replace(DEMO, seed=seed)
    people = SyntheticConfig(seed=seed, plan=PLAN, height=PICTURE_HEIGHT, difficulty=DIFFICULTY)
    _make_folder(out, seed, replace_old=replace_old)
    data, sheet = out / "data", out / "people.png"
    with screens.counting("rendering") as progress:
        synth(data, people, progress=progress)
    draw_sheet(sheet, people, SHEET_PEOPLE)
    with screens.counting("preparing") as progress:
        prepare(data, height=config.data.height, width=config.data.width, progress=progress)
    with screens.training() as observer:
        run, ended = train(data, out / "run", config, observer=observer)
    if not ended:
        return None
    with screens.counting("embedding, untrained") as progress:
        untrained = evaluate(run.path, weights="initial", progress=progress)
    with screens.counting("embedding, trained") as progress:
        trained = evaluate(run.path, progress=progress)
    return DemoOutcome(run=run, sheet=sheet, untrained=untrained, trained=trained)


def _make_folder(out: Path, seed: int, *, replace_old: bool) -> None:
    taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    if taken and not (out / _MARKER).is_file():
        raise RunError(f"{out}: expected a new folder for the demo, found something else; choose another")
    if taken and not replace_old:
        raise RunError(f"{out}: expected a new folder for the demo, found one; add --replace or choose another")
    try:
        if taken:
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / _MARKER, json.dumps({"seed": seed}) + "\n")
    except OSError as error:
        raise RunError(
            f"{out}: expected a folder to write to, could not make it ({error.strerror or error})"
        ) from error
