"""Counts the call-stack frames between `mvd train` and a loss, and the files of the package in them.

Usage: python benchmarks/depth.py

Trains one step on a few rendered people, and inspects the stack where the identity loss is computed. Comprehensions,
which have their own frames up to Python 3.11, are not counted.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import mvd
from mvd.cli import main


def count(data: Path) -> list[tuple[str, str]]:
    """Return (file, function) of each frame of the package from the command line to the loss."""
    package, frames = Path(mvd.__file__).parent, list[tuple[str, str]]()

    def trace(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        in_loss = code.co_filename.endswith("losses/identity.py") and code.co_name == "identity_loss"
        if event == "call" and in_loss and not frames:
            stack = traceback.extract_stack(frame)
            frames.extend(
                (str(Path(entry.filename).relative_to(package)), entry.name)
                for entry in stack
                if Path(entry.filename).is_relative_to(package) and not entry.name.startswith("<")
            )

    sys.setprofile(trace)
    small = ["--data.height=32", "--data.width=16", "--model.base-width=8", "--sampling.identities=4"]
    one = ["--schedule.epochs=1", "--sampling.steps-per-epoch=1", "--schedule.warmup-epochs=0", "--evaluate=none"]
    main(["train", str(data), "--out", str(data.parent / "run"), "--recipe=demo", *small, *one])
    sys.setprofile(None)
    return frames


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people"
        main(["synth", str(people), "--train=4", "--validation=1", "--test=1", "--pictures=2", "--height=64"])
        main(["prepare", str(people), "--height=32", "--width=16"])
        found = count(people)
    for file, function in found:
        print(f"{file:28} {function}")
    print(f"{len(found)} frames in {len({file for file, _ in found})} files")
