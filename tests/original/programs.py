"""What the tests of the original's programs share: their types, and a command line for very short runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mvd.runs import load_checkpoint

Program = Callable[..., str]

SMALL = ("--MSmode", "PYNATIVE_MODE", "--device_target", "CPU", "--batch_size", "3", "--num_pos", "4", "--epoch", "2")
"""Two epochs, of two steps on the SYSU-MM01 of these tests and of one on their RegDB."""


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def last_weights(run: Path) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in load_checkpoint(run / "checkpoints/last.safetensors")[0].items()}
