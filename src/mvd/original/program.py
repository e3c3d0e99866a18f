"""What the three programs share: errors as one line, progress, and what a command line says of data and protocols."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

from mvd.commands.evaluate import PERMUTATIONS
from mvd.data.layouts import scan
from mvd.data.samples import Dataset
from mvd.distributed.launch import first_one_speaks, print_error
from mvd.errors import ConfigError, DatasetError, MvdError
from mvd.original.arguments import Arguments, Target
from mvd.original.cloud import fetch
from mvd.original.devices import count_devices
from mvd.original.settings import in_original_words
from mvd.report.progress import CountingBar, counting_bar

STOPPED = 130
"""The exit code of a program that Ctrl-C stopped."""

_LAYOUTS = {"SYSU": "sysu", "RegDB": "regdb"}


def run_program(name: str, work: Callable[[], int]) -> int:
    """Do a program's work; an error of the user's is one line, and exit code 1."""
    try:
        with first_one_speaks():
            return work()
    except MvdError as error:
        print_error(f"{name}: {in_original_words(str(error))}", error)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return STOPPED


def counting(title: str) -> AbstractContextManager[CountingBar]:
    """Show how work that is counted goes on, apart from what is printed."""
    return counting_bar(Console(stderr=True, highlight=False), title)


def data_folder(arguments: Arguments, target: Target, default: Path) -> Path:
    """Give the folder of the data; with the target Cloud, after copying it.

    Args:
        arguments: the command line.
        target: what to compute on.
        default: the folder where none was given.

    Raises:
        ConfigError: it is to be copied, and not said where from.
        DatasetError: it cannot be copied.
    """
    if target != "Cloud":
        return arguments.data_path or default
    if arguments.data_url is None:
        raise ConfigError(
            "--data_url: expected where to copy the data from, such as s3://bucket/sysu, found none; --device_target "
            "Cloud needs it"
        )
    with counting("copying") as progress:
        return fetch(arguments.data_url, progress)


def pretrain_file(arguments: Arguments, target: Target) -> Path | None:
    """Give the file of encoder weights, if there is one; with the target Cloud, after copying it.

    Raises:
        DatasetError: it cannot be copied.
    """
    if arguments.pretrain is None or target != "Cloud" or "://" not in arguments.pretrain:
        return None if arguments.pretrain is None else Path(arguments.pretrain)
    with counting("copying") as progress:
        return fetch(arguments.pretrain, progress)


def scan_data(arguments: Arguments, data: Path, trial: int) -> Dataset:
    """Scan a data set, which must be the one that --dataset says.

    Raises:
        DatasetError: it is another one, or cannot be read.
    """
    dataset = scan(data, trial=trial)
    if dataset.name != _LAYOUTS[arguments.dataset]:
        raise DatasetError(
            f"{data}: expected the layout of {arguments.dataset}, found that of {dataset.name}; "
            f"choose with --dataset SYSU or --dataset RegDB"
        )
    return dataset


def protocol_pattern(arguments: Arguments, root: Path) -> str:
    """Give the name of the protocol that is asked for, with official galleries where they lie in the data's folder."""
    match arguments.dataset:
        case "SYSU":
            galleries = "official" if (root / PERMUTATIONS).exists() else "seeded"
            return f"sysu/{arguments.sysu_mode}-search/single-shot/{galleries}"
        case "RegDB":
            direction = {"v2i": "visible-to-thermal", "i2v": "thermal-to-visible"}[arguments.regdb_mode]
            return f"regdb/{direction}/*"


def search_title(arguments: Arguments) -> str:
    """Say data set and search as the release does."""
    match arguments.dataset:
        case "SYSU":
            return f"SYSU-MM01 {arguments.sysu_mode}"
        case "RegDB":
            return f"RegDB {arguments.regdb_mode}"


def notes(arguments: Arguments) -> list[str]:
    """Explain arguments that have no effect."""
    lines = []
    if arguments.parameter_server:
        lines.append("--parameter_server: MindSpore's own; of no effect here")
    if arguments.run_distribute and count_devices(arguments) == 1:
        lines.append("--run_distribute: --device_num is 1, so of no effect")
    return lines
