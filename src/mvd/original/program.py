"""Shared by the three programs: one-line errors, progress, and the data and protocol of a command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from mvd.commands.results.evaluate import PERMUTATIONS, Weights, evaluate
from mvd.data.layouts import scan
from mvd.data.samples import Dataset
from mvd.distributed.launch import first_one_speaks, print_error
from mvd.errors import ConfigError, DatasetError, MvdError, explain
from mvd.files.names import one_line
from mvd.files.regular import is_there
from mvd.metrics.scores import Scores
from mvd.original.arguments import Arguments, DeviceTarget
from mvd.original.cloud import fetch, without_credentials
from mvd.original.settings import in_original_words
from mvd.reporting.terminal.interrupts import STOPPED, cleaning_up, ignoring_interrupts, is_interrupted
from mvd.reporting.terminal.output import open_console, report_failure, safe_output
from mvd.reporting.terminal.progress import CountingBar, counting_bar

_LAYOUTS = {"SYSU": "sysu", "RegDB": "regdb"}
_DIRECTIONS = {"v2i": "visible-to-thermal", "i2v": "thermal-to-visible"}


def run_program(name: str, work: Callable[[], int]) -> int:
    """Run a program and return its exit code; a user's error is printed in one line, with exit code 1."""
    with safe_output() as output, cleaning_up():
        try:
            with first_one_speaks():
                code = work()
        except (MvdError, OSError) as problem:
            error = explain(problem) if isinstance(problem, OSError) else problem
            print_error(one_line(f"{name}: {in_original_words(str(error))}"), error)
            code = 1
        except (KeyboardInterrupt, Exception) as error:
            if not is_interrupted(error):
                raise
            with ignoring_interrupts():
                print(f"{name}: stopped", file=sys.stderr)
            code = STOPPED
        return int(report_failure(name, output)) if code == 0 else code


def counting(title: str) -> AbstractContextManager[CountingBar]:
    """Show a progress bar on stderr."""
    return counting_bar(open_console(stderr=True), title)


def data_folder(arguments: Arguments, target: DeviceTarget, default: Path) -> Path:
    """Return the folder of the data set; with the target Cloud, copy it first.

    Raises:
        ConfigError: the target is Cloud, and --data_url is missing.
        DatasetError: the data set cannot be copied, or none is named and none is in the default place.
    """
    if target != "Cloud":
        if arguments.data_path is None and not is_there(default):
            raise DatasetError(
                f"{default}: expected the data set there, found nothing; name its place: --data_path DATA"
            )
        return arguments.data_path or default
    if arguments.data_url is None:
        raise ConfigError(
            "--data_url: expected where to copy the data from, such as s3://bucket/sysu, found none; --device_target "
            "Cloud needs it"
        )
    with counting("copying") as progress:
        return fetch(arguments.data_url, progress)


def pretrain_file(arguments: Arguments, target: DeviceTarget) -> Path | None:
    """Return the file of encoder weights, if given; with the target Cloud, copy it first.

    Raises:
        ConfigError: it is a URL, and the target is not Cloud.
        DatasetError: the file cannot be copied.
    """
    if arguments.pretrain is None or "://" not in arguments.pretrain:
        return None if arguments.pretrain is None else Path(arguments.pretrain)
    if target != "Cloud":
        raise ConfigError(
            f"--pretrain: expected a file, found {without_credentials(arguments.pretrain)}; copy it here first, or "
            f"choose --device_target Cloud, which copies it, and the data of --data_url"
        )
    with counting("copying") as progress:
        return fetch(arguments.pretrain, progress)


def scan_data(arguments: Arguments, data: Path, trial: int) -> Dataset:
    """Scan a data set.

    Raises:
        DatasetError: the data set is not the one of --dataset, or cannot be read.
    """
    dataset = scan(data, trial=trial)
    if dataset.name != _LAYOUTS[arguments.dataset]:
        raise DatasetError(
            f"{data}: expected the layout of {arguments.dataset}, found that of {dataset.name}; "
            f"choose with --dataset SYSU or --dataset RegDB"
        )
    return dataset


def protocol_pattern(arguments: Arguments, root: Path) -> str:
    """Return the protocol's name or pattern, with official galleries if the data set has them."""
    if arguments.dataset == "RegDB":
        return f"regdb/{_DIRECTIONS[arguments.mode]}/*"
    galleries = "official" if (root / PERMUTATIONS).exists() else "seeded"
    return f"sysu/{arguments.mode}-search/single-shot/{galleries}"


def measure(run: Path, protocol: str, weights: Weights, data: Path | None = None, trial: int | None = None) -> Scores:
    """Evaluate a run with one protocol, with a progress bar."""
    with counting("testing") as progress:
        (result,) = evaluate(run, data=data, trial=trial, protocols=[protocol], weights=weights, progress=progress)
    return result


def search_title(arguments: Arguments) -> str:
    """Name data set and search as the release does, such as "SYSU-MM01 all"."""
    return f"{'SYSU-MM01' if arguments.dataset == 'SYSU' else 'RegDB'} {arguments.mode}"


def notes(arguments: Arguments, target: DeviceTarget, *, goes_on: bool = False) -> list[str]:
    """Explain arguments that have no effect.

    Args:
        arguments: the command line.
        target: the device.
        goes_on: whether train.py continues a run, which has its own data, name and weights.
    """
    lines = []
    if arguments.parameter_server:
        lines.append("--parameter_server: MindSpore's own; of no effect here")
    if arguments.run_distribute and arguments.devices == 1:
        lines.append("--run_distribute: --device_num is 1, so of no effect")
    if goes_on:
        unused = {"tag": arguments.tag, "pretrain": arguments.pretrain, "data_url": arguments.data_url}
        lines += [f"--{name}: the run goes on with its own, so of no effect" for name, given in unused.items() if given]
        return lines
    if arguments.pretrain is not None and arguments.resume is not None:
        lines.append("--pretrain: --resume has the weights of the whole network, so of no effect")
    if target == "Cloud" and arguments.data_path is not None:
        lines.append("--data_path: --device_target Cloud copies the data of --data_url, so of no effect")
    if target != "Cloud" and arguments.data_url is not None:
        lines.append("--data_url: --device_target is not Cloud, so of no effect")
    return lines
