"""`mvd`: one dataclass for each sub-command, from arguments to a call of `mvd.commands` and its outcome on the screen.

The one place that prints, decides on exit codes and turns a user's error into one line: 0 done, 1 something was
wrong with what was given, 2 the arguments could not be understood, 130 stopped by Ctrl-C. PyTorch is imported only
by the commands that compute.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import tyro
from rich.console import Console
from tyro.conf import FlagCreatePairsOff, subcommand

from mvd import __version__
from mvd.cli.datasets import Check, Prepare, Split, Synth
from mvd.cli.evaluation import Evaluate, Protocols
from mvd.cli.runs import Runs
from mvd.cli.screen import STOPPED
from mvd.cli.training import Ablate, Demo, Recipes, Train
from mvd.cli.weights import Convert, Export, Import, Push, Show
from mvd.config import RunConfig
from mvd.config.recipes import RECIPES
from mvd.distributed.launch import first_one_speaks, print_error
from mvd.errors import MvdError

Command: TypeAlias = (
    Synth
    | Check
    | Split
    | Prepare
    | Recipes
    | Train
    | Ablate
    | Runs
    | Evaluate
    | Protocols
    | Convert
    | Import
    | Show
    | Export
    | Push
    | Demo
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process, if not given.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with first_one_speaks():
            code = _parse(given)(Console(highlight=False))
            sys.stdout.flush()
            return code
    except MvdError as error:
        print_error(f"mvd: {error}", error)
        return 1
    except KeyboardInterrupt:
        Console(stderr=True).print("mvd: stopped")
        return STOPPED
    except BrokenPipeError:
        # Whoever reads, such as head, has seen enough. Python would say so once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parse(arguments: list[str]) -> Command:
    if arguments == ["--version"]:
        print(f"mvd {__version__}")
        raise SystemExit(0)
    command: Command = tyro.cli(
        _commands(RECIPES[_recipe(arguments)]),
        prog="mvd",
        description="Visible–infrared person re-identification: MVD (CVPR 2021).",
        args=arguments,
        config=(FlagCreatePairsOff,),
    )
    return command


def _commands(recipe: RunConfig) -> Any:
    """Make the union of the sub-commands; what `train`, `ablate` and `import` are not told comes from the recipe."""
    train = Annotated[Train, subcommand("train", default=Train(config=recipe))]
    # tyro does not ask for a positional argument that has a default, so the data's place is held by a missing value.
    ablate = Annotated[Ablate, subcommand("ablate", default=Ablate(data=tyro.MISSING, config=recipe))]
    of_other = Import(file=tyro.MISSING, out=tyro.MISSING, data=tyro.MISSING, config=recipe)
    imported = Annotated[Import, subcommand("import", default=of_other)]
    return (
        Annotated[Synth, subcommand("synth")]
        | Annotated[Check, subcommand("check")]
        | Annotated[Split, subcommand("split")]
        | Annotated[Prepare, subcommand("prepare")]
        | Annotated[Recipes, subcommand("recipes")]
        | train
        | ablate
        | Annotated[Runs, subcommand("runs")]
        | Annotated[Evaluate, subcommand("evaluate")]
        | Annotated[Protocols, subcommand("protocols")]
        | Annotated[Convert, subcommand("convert")]
        | imported
        | Annotated[Show, subcommand("show")]
        | Annotated[Export, subcommand("export")]
        | Annotated[Push, subcommand("push")]
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
