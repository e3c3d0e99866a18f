"""`mvd train` and `mvd demo`: runs, watched while they go on."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from rich.console import Console
from tyro.conf import AvoidSubcommands, Positional, arg

from mvd.cli.screen import STOPPED, print_results
from mvd.config import RunConfig
from mvd.config.recipes import RECIPES, SUMMARIES
from mvd.distributed.launch import process_index
from mvd.errors import ConfigError

if TYPE_CHECKING:
    from mvd.report.progress import TrainingBar
    from mvd.runs import RunFolder
    from mvd.runs.observer import Observer


RecipeName: TypeAlias = Literal["mvd", "mvd-cvpr21", "mvd-mindspore", "baseline", "agw", "demo"]


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train MVD on prepared pictures and evaluate it on people it has not seen.

    Every field of the configuration is a flag; `--recipe` gives the values that are not set.
    """

    data: Positional[Path | None] = None
    """the data set's folder, or the CSV table of one's own pictures"""
    out: Path = Path("runs/mvd")
    """run folder to make"""
    recipe: RecipeName = "mvd"
    """the configuration to start from; `mvd recipes` compares them"""
    prepared: Path | None = None
    """folder of the prepared arrays, if it is not where `mvd prepare` puts them"""
    pretrained: Path | None = None
    """weights to start from: a ResNet with torchvision's, timm's or MindSpore's names, for encoders; or MVD, whole"""
    resume: Path | None = None
    """go on with the run in this folder, with its own configuration; name the data only if they lie elsewhere now"""
    replace: bool = False
    """delete the run that is in --out"""
    evaluate: Literal["test", "none"] = "test"
    """what to evaluate on in the end"""
    tensorboard: bool = False
    """also write scalars, batches and settings for TensorBoard, into the run folder (pip install 'mvd[watch]')"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.train import resume, train

        with watched_training(console) as bar, self._observer(console, bar) as observer:
            if self.resume is not None:
                if self.config != RECIPES[self.recipe] or self.pretrained is not None or self.replace:
                    raise ConfigError(
                        "expected --resume without other settings, found some; a run goes on with its own configuration"
                    )
                run, ended = resume(self.resume, observer=observer, data=self.data, prepared=self.prepared)
            elif self.data is not None:
                run, ended = train(
                    self.data,
                    self.out,
                    self.config,
                    observer=observer,
                    prepared=self.prepared,
                    pretrained=self.pretrained,
                    replace=self.replace,
                )
            else:
                raise ConfigError("expected a data folder to train on, or --resume and a run folder, found neither")
        if not ended:
            console.print(f"stopped; continue with: mvd train --resume {run.path}", soft_wrap=True)
            return STOPPED
        console.print(f"{run.path}: trained, weights in {run.best_checkpoint}", soft_wrap=True)
        return _evaluate_trained(run, console) if self.evaluate == "test" else 0

    @contextmanager
    def _observer(self, console: Console, bar: TrainingBar) -> Iterator[Observer]:
        from mvd.report.weights import MatchPrinter
        from mvd.runs.observer import Observers

        observers: list[Observer] = [bar]
        if self.pretrained is not None:
            observers.append(MatchPrinter(console, self.pretrained))
        with ExitStack() as stack:
            if self.tensorboard and process_index() == 0:
                from mvd.report.tensorboard import TensorBoardWriter

                observers.append(stack.enter_context(TensorBoardWriter(self.resume or self.out)))
            yield Observers(*observers)


@dataclass(frozen=True, kw_only=True)
class Ablate:
    """Train and test the paper's ladder: encoders, + bottlenecks, + VSD, + VCD, + VML, + CML, with several seeds each.

    Every field of the configuration that they have in common is a flag. Stopped, the same command goes on.
    """

    data: Positional[Path]
    """the data set's folder, or the CSV table of one's own pictures"""
    out: Path = Path("runs/ablation")
    """folder of the runs"""
    recipe: RecipeName = "mvd"
    """the configuration to start from"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """a run of each rung with each"""
    prepared: Path | None = None
    """folder of the prepared arrays, if it is not where `mvd prepare` puts them"""
    pretrained: Path | None = None
    """weights that the encoders of every run start from, as for `mvd train`"""
    workers: int = 1
    """runs at a time; they share the cores"""
    format: Literal["table", "markdown"] = "table"
    """what is printed; figures of every seed go to ablation.json"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.ablate import ablate
        from mvd.report.ablation import ablation_markdown, ablation_tables
        from mvd.report.progress import counting_bar

        with counting_bar(Console(stderr=True), "training and testing", "runs") as bar:
            bar(0, 6 * len(self.seeds))
            rungs = ablate(
                self.data,
                self.out,
                self.config,
                seeds=self.seeds,
                prepared=self.prepared,
                pretrained=self.pretrained,
                workers=self.workers,
                progress=bar,
            )
        if self.format == "markdown":
            print(ablation_markdown(rungs))
        else:
            console.print(*ablation_tables(rungs), sep="\n")
        return 0


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """List the recipes, and compare them field by field."""

    names: Positional[tuple[RecipeName, ...]] = ()
    """which to compare; all, if not given; one alone is shown whole"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.report.recipes import recipes_report

        chosen = {name: RECIPES[name] for name in self.names or RECIPES}
        console.print(recipes_report(chosen, SUMMARIES))
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
            return STOPPED
        rows = [("untrained", result) for result in outcome.untrained]
        rows += [("trained", result) for result in outcome.trained]
        print_results(console, sorted(rows, key=lambda row: row[1].protocol))
        minutes = (time.monotonic() - start) / 60
        run, data = outcome.run.path, outcome.run.data.root
        mvd = "mvd" if shutil.which("mvd") else sys.argv[0]  # as whoever reads this can type it
        console.print(
            f"{minutes:.1f} minutes. None of these people were seen in training.\n"
            f"\nthe people:      {outcome.sheet}\n"
            f"the run:         {run}/config.json, {run}/metrics.jsonl, {outcome.run.best_checkpoint}\n"
            f"\nWhat to try next:\n"
            f"  {mvd} evaluate {run} --protocols 'sysu/*/multi-shot/official'\n"
            f"                                              ten gallery pictures a person and camera\n"
            f"  {mvd} train {data} --recipe demo --losses.vsd-weight 0 --out runs/no-vsd\n"
            f"                                              without self-distillation\n"
            f"  {mvd} synth data/people --like sysu-mm01      as many people and pictures as SYSU-MM01\n"
            f"  {mvd} prepare /path/to/SYSU-MM01              the real data set, then: mvd train",
            soft_wrap=True,
            highlight=False,
        )
        return 0


@contextmanager
def watched_training(console: Console) -> Iterator[TrainingBar]:
    """Watch a training run; the first Ctrl-C asks it to stop, the second one stops it."""
    from mvd.report.interrupts import interruptible
    from mvd.report.progress import TrainingBar

    def stop() -> None:
        bar.stop()
        console.print("stopping after this step, with a checkpoint; Ctrl-C again to stop at once")

    with TrainingBar(console) as bar, interruptible(stop):
        yield bar


def _evaluate_trained(run: RunFolder, console: Console) -> int:
    from mvd.commands.evaluate import evaluate
    from mvd.report.progress import counting_bar

    with counting_bar(console, "embedding") as bar:
        results = evaluate(run.path, progress=bar)
    print_results(console, [("trained", result) for result in results])
    return 0
