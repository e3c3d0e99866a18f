"""third_party/pre_process_sysu.py: prepare SYSU-MM01's training pictures as the release's four arrays."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mvd.commands.data.prepare import prepare
from mvd.data.layouts import scan
from mvd.errors import DatasetError
from mvd.original.arguments import parse_preprocessing
from mvd.original.program import counting, run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pre_process_sysu.py with these arguments, or the process's, and return the exit code."""
    data = parse_preprocessing(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        dataset = scan(data)
        if dataset.name != "sysu":
            raise DatasetError(
                f"{data}: expected the layout of SYSU-MM01, found that of {dataset.name}; train.py prepares RegDB "
                f"itself"
            )
        with counting("preparing") as progress:
            print(prepare(data, progress=progress).found)
        return 0

    return run_program("pre_process_sysu.py", work)
