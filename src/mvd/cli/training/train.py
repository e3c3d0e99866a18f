"""`mvd train`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rich.console import Console
from tyro.conf import AvoidSubcommands, Positional, arg

from mvd.cli.screen import STOPPED, print_results, say, watched_training
from mvd.config import Machine, RunConfig, RuntimeConfig
from mvd.config.recipes import RecipeName, nearest_recipe
from mvd.distributed.launch import process_index
from mvd.errors import ConfigError
from mvd.files.names import shell_words
from mvd.files.regular import real_path

if TYPE_CHECKING:
    from mvd.reporting.terminal.progress import TrainingBar
    from mvd.runs import RunFolder
    from mvd.runs.observer import Observer


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train on prepared pictures, then evaluate on unseen people.

    Every field of the configuration is a flag; the recipe gives the defaults. A flag with "no-" switches off what its
    text describes.
    """

    data: Annotated[Positional[Path | None], arg(metavar="[DATA]", help_behavior_hint="")] = None
    """folder of the data set, or CSV table of own pictures; with --resume only if it was moved"""
    out: Path = Path("runs/mvd")
    """run folder to create"""
    recipe: RecipeName = "mvd"
    """configuration to start from; `mvd recipes` compares them"""
    prepared: Path | None = None
    """folder of the prepared arrays, if not where `mvd prepare` puts them"""
    pretrained: Path | None = None
    """initial weights: of a ResNet, for every encoder; of a whole MVD or AGW network; or a run folder's best ones"""
    resume: Path | None = None
    """run folder to continue; its settings of optimizer, schedule, runtime and framework can be changed by flags"""
    replace: bool = False
    """delete the run that is in the folder --out"""
    evaluate: Literal["test", "none"] = "test"
    """test: evaluate on the test people after training; none: do not evaluate"""
    tensorboard: bool = False
    """also write scalars, sample batches and settings for TensorBoard (pip install 'mvd[watch]')"""
    config: Annotated[RunConfig, arg(name=""), AvoidSubcommands] = field(default_factory=RunConfig)

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.training.train import resume, train

        with watched_training(console) as bar, self._observer(console, bar) as observer:
            if self.resume is not None:
                run, ended = resume(
                    self.resume,
                    changes=self._changes(self.resume),
                    observer=observer,
                    data=self.data,
                    prepared=self.prepared,
                    machine=self._machine(),
                    tested=self.evaluate == "test",
                )
            elif self.data is not None:
                run, ended = train(
                    self.data,
                    self.out,
                    self.config,
                    observer=observer,
                    prepared=self.prepared,
                    pretrained=self.pretrained,
                    replace=self.replace,
                    tested=self.evaluate == "test",
                )
            else:
                raise ConfigError(
                    "expected a data folder to train on, or --resume and a run folder, found neither; mvd train --help "
                    "shows both"
                )
        if not ended:
            say(console, f"stopped; continue with: {shell_words('mvd', 'train', '--resume', run.path)}")
            return STOPPED
        say(console, f"{run.path}: trained, weights in {run.best_checkpoint}")
        if self.evaluate == "test":
            _print_test(console, run, None if self.resume is None else self._machine())
        return 0

    def _machine(self) -> Machine:
        """Return the settings of the machine that are given."""
        given = self.config.runtime
        return Machine(
            framework=self.config.framework,
            device=given.device,
            precision=given.precision,
            workers=given.workers,
            batch=given.embed_batch,
        )

    def _changes(self, run: Path) -> dict[str, Any]:
        """Find the other settings that are given for a resumed run."""
        from mvd.config.changes import find_changes

        if self.pretrained is not None or self.replace:
            raise ConfigError("expected --resume without --pretrained and --replace, found one; they start a new run")
        if self.out != Train.out and real_path(self.out) != real_path(run):
            raise ConfigError(
                f"--out: expected none beside --resume, which goes on in {run}, found {self.out}; leave it out, or "
                f"start a new run from these weights: mvd train DATA {shell_words('--pretrained', run)} "
                f"{shell_words('--out', self.out)}"
            )
        own = nearest_recipe(resumed_defaults(run))[0]
        if self.recipe not in (Train.recipe, own):
            raise ConfigError(
                f"--recipe: expected none beside --resume, since {run} keeps its settings (nearest to {own}), found "
                f"{self.recipe}; leave it out, or start a new run"
            )
        # The framework is a setting of the machine.
        return find_changes(resumed_defaults(run), replace(self.config, framework="auto"))

    @contextmanager
    def _observer(self, console: Console, bar: TrainingBar) -> Iterator[Observer]:
        from mvd.reporting.weights import MatchPrinter
        from mvd.runs.observer import Observers

        observers: list[Observer] = [bar]
        if self.pretrained is not None:
            observers.append(MatchPrinter(console, self.pretrained))
        with ExitStack() as stack:
            if self.tensorboard and process_index() == 0:
                from mvd.reporting.tensorboard import TensorBoardWriter

                observers.append(stack.enter_context(TensorBoardWriter(self.resume or self.out)))
            yield Observers(*observers)


def resumed_defaults(run: Path) -> RunConfig:
    """Return the configuration of a run, with the settings of the machine at their defaults."""
    from mvd.runs import open_run

    config, usual = open_run(run).config, RuntimeConfig()
    names = ("device", "precision", "workers", "embed_batch")
    runtime = replace(config.runtime, **{name: getattr(usual, name) for name in names})
    return replace(config, framework="auto", runtime=runtime)


def _print_test(console: Console, run: RunFolder, machine: Machine | None) -> None:
    from mvd.commands.results.evaluate import evaluate
    from mvd.reporting.terminal.progress import counting_bar

    with counting_bar(console, "embedding") as bar:
        results = evaluate(run.path, machine=machine, progress=bar)
    print_results(console, [("trained", result) for result in results])
