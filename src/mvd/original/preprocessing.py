"""third_party/pre_process_sysu.py: prepare SYSU-MM01's training pictures as the release's four arrays."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from mvd.commands.prepare import prepare
from mvd.original.program import counting, run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pre_process_sysu.py.

    Args:
        arguments: without the program's name; by default those of the process.

    Returns:
        The exit code: 0 done, 1 a user's error, 130 stopped by Ctrl-C.
    """
    parser = ArgumentParser("pre_process_sysu.py", description="Prepare SYSU-MM01's pictures for train.py.")
    parser.add_argument("--data-path", "--data_path", type=Path, required=True, help="SYSU-MM01's folder")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    return run_program("pre_process_sysu.py", lambda: _main(given.data_path))


def _main(data: Path) -> int:
    with counting("preparing") as progress:
        print(prepare(data, progress=progress))
    return 0
