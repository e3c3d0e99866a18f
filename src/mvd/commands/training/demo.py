"""`mvd demo`: render people, train on some of them and evaluate on others, in minutes on two CPU cores.

The sizes here and in the recipe "demo" were chosen together (docs/LOG.md): enough people to learn from, small pictures
and a small network. The pictures are easier than those of `mvd synth`: people roughly face the camera, are rarely
occluded, and patterns keep their edges in the infrared.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from mvd.commands.data.prepare import prepare
from mvd.commands.data.synth import synth
from mvd.commands.engine import load_engine, machine_flags
from mvd.commands.results.evaluate import evaluate
from mvd.commands.training.rehearsal import rehearse_folder
from mvd.commands.training.train import train
from mvd.config import Machine, RunConfig
from mvd.config.recipes import DEMO
from mvd.data.layouts.sysu import CAMERAS
from mvd.data.progress import Progress, silent
from mvd.errors import RunError
from mvd.files.locks import folder_locked
from mvd.results.demo import DemoResult
from mvd.runs import RunFolder, empty_run, write_atomically
from mvd.runs.observer import Observer
from mvd.synthetic import Difficulty

# Many people with few pictures each: discriminating unseen people is learnt from many identities.
TRAIN, VALIDATION, TEST = 480, 16, 24
PICTURES, HEIGHT = 2, 128
DIFFICULTY = Difficulty(views=0.15, occlusion=0.03, box_jitter=0.01, print_in_infrared=1.0, noise=0.5, blur=0.5)

_MARKER = "demo.json"


class Screens(Protocol):
    """Shows the progress of a demo or a benchmark; the methods of this class show nothing."""

    @contextmanager
    def counting(self, title: str, unit: str = "pictures") -> Iterator[Progress]:
        """Show the progress of work that is counted in `unit`."""
        yield silent

    @contextmanager
    def training(self) -> Iterator[Observer]:
        """Show the progress of training."""
        yield Observer()


class Silent(Screens):
    """Shows nothing."""


def demo(
    out: str | Path = "demo",
    seed: int = 0,
    *,
    screens: Screens | None = None,
    replace_old: bool = False,
    machine: Machine | None = None,
) -> DemoResult | None:
    """Render people, train on some of them, and evaluate on others.

    Args:
        out: the folder to create, for the pictures and the run.
        seed: random seed of the people and of training.
        screens: shows progress.
        replace_old: delete an existing demo in `out`; other files are never deleted.
        machine: framework, device, precision, workers and batch.

    Returns:
        The result, or None if training was stopped.

    Raises:
        RunError: the folder is not empty.
        MvdError: as `synth`, `prepare`, `train` and `evaluate`.
    """
    out, screens = Path(out), screens or Silent()
    machine = machine or Machine()
    runtime = replace(
        DEMO.runtime,
        device=machine.device,
        precision=machine.precision,
        workers=machine.workers,
        embed_batch=machine.batch,
    )
    config = replace(DEMO, seed=seed, framework=machine.framework, runtime=runtime)
    with machine_flags():
        load_engine(config).check(config)
    rehearse_folder(out, [(config, TRAIN)], more=_picture_space(config))
    with _claimed(out, seed, replace_old=replace_old):
        return _demo(out, config, screens)


def _picture_space(config: RunConfig) -> int:
    """Return an upper bound on the bytes of the pictures, as if uncompressed, and of their arrays."""
    pictures = (TRAIN + VALIDATION + TEST) * PICTURES * len(CAMERAS)
    return pictures * 3 * (HEIGHT * HEIGHT // 2 + config.data.height * config.data.width)


def _demo(out: Path, config: RunConfig, screens: Screens) -> DemoResult | None:
    data, sheet = out / "data", out / "people.png"
    with screens.counting("rendering") as progress:
        synth(
            data,
            train=TRAIN,
            validation=VALIDATION,
            test=TEST,
            pictures=PICTURES,
            height=HEIGHT,
            seed=config.seed,
            difficulty=DIFFICULTY,
            sheet=sheet,
            progress=progress,
        )
    with screens.counting("preparing") as progress:
        prepare(data, height=config.data.height, width=config.data.width, progress=progress)
    with screens.training() as observer:
        run, ended = train(data, out / "run", config, observer=observer, tested=True, replace=True)
    if not ended:
        return None
    with screens.counting("embedding, untrained") as progress:
        untrained = evaluate(run.path, weights="initial", progress=progress)
    with screens.counting("embedding, trained") as progress:
        trained = evaluate(run.path, progress=progress)
    return DemoResult(run=run, sheet=sheet, untrained=untrained, trained=trained)


@contextmanager
def _claimed(out: Path, seed: int, *, replace_old: bool) -> Iterator[None]:
    """Create the folder of a demo, or empty the folder of an old one, and hold its lock."""
    with ExitStack() as stack:
        try:
            if out.exists() and not out.is_dir():
                raise RunError(f"{out}: expected a new folder for the demo, found something else; choose another")
            out.mkdir(parents=True, exist_ok=True)
            stack.enter_context(folder_locked(out))
            if any(out.iterdir()):
                _empty(out, replace_old=replace_old)
            write_atomically(out / _MARKER, json.dumps({"seed": seed}) + "\n")
        except OSError as error:
            raise RunError(
                f"{out}: expected a folder to write to, could not make it ({error.strerror or error}); choose another"
            ) from error
        yield


def _empty(out: Path, *, replace_old: bool) -> None:
    """Delete an old demo; keep other files in its folder and in its run folder, which are the user's."""
    if not (out / _MARKER).is_file():
        raise RunError(f"{out}: expected a new folder for the demo, found something else; choose another")
    if not replace_old:
        raise RunError(f"{out}: expected a new folder for the demo, found one; add --replace or choose another")
    run = out / "run"
    if run.is_dir():
        with RunFolder(run).locked():
            empty_run(run)
        if all(file.name == "config.json" for file in run.iterdir()):
            shutil.rmtree(run)
    for file in (out / "people.png", out / _MARKER):
        file.unlink(missing_ok=True)
    if (out / "data").is_dir():
        shutil.rmtree(out / "data")
