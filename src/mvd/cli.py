"""`mvd`: one dataclass for each sub-command, from arguments to a call of `mvd.commands` and its outcome on the screen.

The one place that prints, decides on exit codes and turns a user's error into one line: 0 done, 1 something was
wrong with what was given, 2 the arguments could not be understood, 130 stopped by Ctrl-C. PyTorch is imported only
by the commands that compute.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from tyro.conf import AvoidSubcommands, FlagCreatePairsOff, Positional, arg, subcommand

from mvd import __version__
from mvd.config import RunConfig
from mvd.errors import ConfigError, MvdError
from mvd.recipes import RECIPES

if TYPE_CHECKING:
    from mvd.evaluation.results import Result
    from mvd.report.progress import TrainingBar
    from mvd.runs import RunFolder

_STOPPED = 130


@dataclass(frozen=True, kw_only=True)
class Synth:
    """Render a synthetic data set: people seen by visible and infrared cameras."""

    out: Positional[Path]
    """folder to make"""
    layout: Literal["sysu"] = "sysu"
    """whose layout on disk it gets"""
    like: Literal["sysu-mm01"] | None = None
    """give it the numbers of people and pictures of the real data set (45,863 pictures), instead of the four below"""
    train: int = 64
    """people to train on"""
    validation: int = 12
    """people to choose the best weights by"""
    test: int = 24
    """people to test on"""
    pictures: int = 8
    """pictures of each person by each of the six cameras"""
    height: int = 240
    """height of the pictures in pixels, before they vary"""
    seed: int = 0
    """another seed, other people"""
    thermal: bool = False
    """let the infrared cameras see heat instead of the near infrared"""
    workers: int = 0
    """processes; 0 means one for each core"""
    sheet: Path | None = None
    """also draw a contact sheet into this PNG file: people in rows, cameras in columns"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.synth import draw_sheet, synth
        from mvd.data.synthetic import SYSU_MM01, SyntheticConfig, even_plan
        from mvd.report.progress import counting_bar

        plan = (
            SYSU_MM01
            if self.like == "sysu-mm01"
            else even_plan(train=self.train, validation=self.validation, test=self.test, pictures=self.pictures)
        )
        config = SyntheticConfig(seed=self.seed, plan=plan, height=self.height, thermal=self.thermal)
        with counting_bar(console, "rendering") as bar:
            synth(self.out, config, workers=self.workers, progress=bar)
        if self.sheet is not None:
            draw_sheet(self.sheet, config, people=8)
        console.print(f"{self.out}: {plan.pictures:,} pictures of {len(plan.people)} people", soft_wrap=True)
        console.print(f"next: mvd prepare {self.out}", soft_wrap=True)
        return 0


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Resize the training pictures into arrays, and read every other picture once."""

    data: Positional[Path]
    """the data set's folder (cam1 … cam6 and exp)"""
    out: Path | None = None
    """folder for the arrays; the data set's own, if not given"""
    height: int = 288
    """height in pixels"""
    width: int = 144
    """width in pixels"""
    workers: int = 0
    """threads; 0 means one for each core"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.prepare import prepare
        from mvd.report.progress import counting_bar

        with counting_bar(console, "preparing") as bar:
            summary = prepare(
                self.data, out=self.out, height=self.height, width=self.width, workers=self.workers, progress=bar
            )
        console.print(f"{self.data}: {summary}")
        console.print(f"{self.out or self.data}: arrays of {self.height}×{self.width} pixels")
        fitting = [name for name, recipe in RECIPES.items() if _size(recipe) == (self.height, self.width)]
        prepared = f" --prepared {self.out}" if self.out else ""
        recipe = f" --recipe {fitting[0]}" if fitting else f" --data.height {self.height} --data.width {self.width}"
        console.print(f"next: mvd train {self.data}{prepared}{recipe}", soft_wrap=True)
        return 0


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train MVD on prepared pictures and evaluate it on people it has not seen.

    Every field of the configuration is a flag; `--recipe` gives the values that are not set.
    """

    data: Positional[Path | None] = None
    """the data set's folder"""
    out: Path = Path("runs/mvd")
    """run folder to make"""
    recipe: Literal["mvd", "demo"] = "mvd"
    """the configuration to start from"""
    prepared: Path | None = None
    """folder of the prepared arrays, if it is not the data set's own"""
    resume: Path | None = None
    """go on with the run in this folder; its own configuration and data are used"""
    replace: bool = False
    """delete the run that is in --out"""
    evaluate: Literal["test", "none"] = "test"
    """what to evaluate on in the end"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.train import resume, train

        with watched_training(console) as bar:
            if self.resume is not None:
                if self.data is not None:
                    raise ConfigError("expected a data folder or --resume, found both; a run knows its own data")
                if self.config != RECIPES[self.recipe]:
                    raise ConfigError(
                        "expected --resume without other settings, found some; a run goes on with its own configuration"
                    )
                run, ended = resume(self.resume, observer=bar)
            elif self.data is not None:
                run, ended = train(
                    self.data, self.out, self.config, observer=bar, prepared=self.prepared, replace=self.replace
                )
            else:
                raise ConfigError("expected a data folder to train on, or --resume and a run folder, found neither")
        if not ended:
            console.print(f"stopped; go on with: mvd train --resume {run.path}", soft_wrap=True)
            return _STOPPED
        console.print(f"{run.path}: trained, weights in {run.best_checkpoint}", soft_wrap=True)
        return _evaluate_trained(run, console) if self.evaluate == "test" else 0


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Evaluate a run on the test people: CMC, mAP and mINP over ten galleries."""

    run: Positional[Path]
    """the run folder"""
    data: Path | None = None
    """the data set's folder, if it is not the one that the run was trained on"""
    search: Literal["both", "all", "indoor"] = "both"
    """SYSU-MM01's searches"""
    galleries: Literal["auto", "official", "seeded"] = "auto"
    """official: those of exp/rand_perm_cam.mat; seeded: drawn; auto: official where that file is there"""
    shots: Literal[1, 10] = 1
    """gallery pictures of each person and camera"""
    weights: Literal["best", "last", "initial"] = "best"
    """best by validation (else the last), last, or those before training"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.evaluate import Search, evaluate
        from mvd.report.progress import counting_bar

        searches: Sequence[Search] = ("all", "indoor") if self.search == "both" else (self.search,)
        with counting_bar(console, "embedding") as bar:
            results = evaluate(
                self.run,
                data=self.data,
                searches=searches,
                galleries=self.galleries,
                shots=self.shots,
                weights=self.weights,
                progress=bar,
            )
        _print_results(console, [(self.weights, result) for result in results])
        return 0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """See all of it work: render people, prepare, train and evaluate, in minutes on a processor."""

    out: Positional[Path] = Path("demo")
    """folder to make; it takes the pictures and the run"""
    seed: int = 0
    """decides the people and the training"""
    replace: bool = False
    """delete the demo that is in the folder"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.demo import Screens, demo
        from mvd.report.progress import counting_bar

        start = time.monotonic()
        screens = Screens(
            counting=lambda title: counting_bar(console, title), training=lambda: watched_training(console)
        )
        outcome = demo(self.out, self.seed, screens=screens, replace_old=self.replace)
        if outcome is None:
            console.print(f"stopped; start again with: mvd demo {self.out} --replace", soft_wrap=True)
            return _STOPPED
        rows = [("untrained", result) for result in outcome.untrained]
        rows += [("trained", result) for result in outcome.trained]
        _print_results(console, sorted(rows, key=lambda row: row[1].protocol))
        minutes = (time.monotonic() - start) / 60
        run, data = outcome.run.path, outcome.run.data.root
        mvd = "mvd" if shutil.which("mvd") else sys.argv[0]  # as whoever reads this can type it
        console.print(
            f"{minutes:.1f} minutes. None of these people were seen in training.\n"
            f"\nthe people:      {outcome.sheet}\n"
            f"the run:         {run}/config.json, {run}/metrics.jsonl, {outcome.run.best_checkpoint}\n"
            f"\nWhat to try next:\n"
            f"  {mvd} evaluate {run} --shots 10              ten gallery pictures a person and camera\n"
            f"  {mvd} train {data} --recipe demo --losses.vsd-weight 0 --out runs/no-vsd\n"
            f"                                              without self-distillation\n"
            f"  {mvd} synth data/people --like sysu-mm01      as many people and pictures as SYSU-MM01\n"
            f"  {mvd} prepare /path/to/SYSU-MM01              the real data set, then: mvd train",
            soft_wrap=True,
            highlight=False,
        )
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process, if not given.

    Returns:
        The exit code.
    """
    console = Console(highlight=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command = _parse(given)
        return command(console)
    except MvdError as error:
        Console(stderr=True, highlight=False).print(f"mvd: {error}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("mvd: stopped")
        return _STOPPED


def _parse(arguments: list[str]) -> Synth | Prepare | Train | Evaluate | Demo:
    if arguments == ["--version"]:
        print(f"mvd {__version__}")
        raise SystemExit(0)
    command: Synth | Prepare | Train | Evaluate | Demo = tyro.cli(
        _commands(RECIPES[_recipe(arguments)]),
        prog="mvd",
        description="Visible–infrared person re-identification: MVD (CVPR 2021).",
        args=arguments,
        config=(FlagCreatePairsOff,),
    )
    return command


def _commands(recipe: RunConfig) -> Any:
    """Make the union of the sub-commands; the fields of `train` that are not given come from the recipe."""
    train = Annotated[Train, subcommand("train", default=Train(config=recipe))]
    return (
        Annotated[Synth, subcommand("synth")]
        | Annotated[Prepare, subcommand("prepare")]
        | train
        | Annotated[Evaluate, subcommand("evaluate")]
        | Annotated[Demo, subcommand("demo")]
    )


def _recipe(arguments: list[str]) -> str:
    """Look ahead for the recipe, which decides what the other flags' defaults are; a wrong one is tyro's to refuse."""
    for place, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--recipe":
            chosen = value or "".join(arguments[place + 1 : place + 2])
            if chosen in RECIPES:
                return chosen
    return "mvd"


def _size(recipe: RunConfig) -> tuple[int, int]:
    return recipe.data.height, recipe.data.width


@contextmanager
def watched_training(console: Console) -> Iterator[TrainingBar]:
    """Watch a training run; the first Ctrl-C asks it to stop, the second one stops it."""
    from mvd.report.progress import TrainingBar

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        bar.stop()
        console.print("stopping after this step, with a checkpoint; Ctrl-C again to stop at once")

    with TrainingBar(console) as bar:
        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield bar
        finally:
            signal.signal(signal.SIGINT, before)


def _evaluate_trained(run: RunFolder, console: Console) -> int:
    from mvd.commands.evaluate import evaluate
    from mvd.report.progress import counting_bar

    with counting_bar(console, "embedding") as bar:
        results = evaluate(run.path, progress=bar)
    _print_results(console, [("trained", result) for result in results])
    return 0


def _print_results(console: Console, rows: list[tuple[str, Result]]) -> None:
    from mvd.report.tables import results_table

    console.print(results_table(rows))
