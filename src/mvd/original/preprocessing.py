"""third_party/pre_process_sysu.py: prepare SYSU-MM01's training pictures as the release's four arrays."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from mvd.commands.data.prepare import prepare
from mvd.original.program import counting, run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pre_process_sysu.py with these arguments, or the process's, and return the exit code."""
    parser = ArgumentParser("pre_process_sysu.py", description="Prepare SYSU-MM01's pictures for train.py.")
    parser.add_argument("--data-path", "--data_path", type=Path, required=True, help="SYSU-MM01's folder")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        with counting("preparing") as progress:
            print(prepare(given.data_path, progress=progress).found)
        return 0

    return run_program("pre_process_sysu.py", work)
