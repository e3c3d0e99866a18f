"""`mvd prepare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Resize the training pictures into memory-mapped arrays.

    Test pictures are decoded too, so that a damaged file is found before training.
    """

    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """folder of the data set, or CSV table of own pictures"""
    out: Path | None = None
    """folder for the arrays; by default that of the data set (RegDB: trial-N in it)"""
    trial: int = 1
    """RegDB's split, 1 to 10"""
    height: int = 288
    """height in pixels"""
    width: int = 144
    """width in pixels"""
    decoder: Literal["pillow", "fast"] = "pillow"
    """pillow: the original's pixels; fast: three times as fast, slightly different pixels (mvd[fast])"""
    workers: int = 0
    """processes; 0: one per core, at most four"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.data.prepare import prepare
        from mvd.reporting.terminal.progress import counting_bar

        with counting_bar(console, "preparing") as bar:
            prepared = prepare(**vars(self), progress=bar)
        say(
            console,
            f"{self.data}: {prepared.found}",
            f"{prepared.folder}: arrays of {self.height}×{self.width} pixels",
            "too few people to train on: at least 2 are needed"
            if prepared.flags is None
            else f"next: {shell_words('mvd', 'train', self.data, *prepared.flags)}",
        )
        return 0
