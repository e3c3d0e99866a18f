"""`mvd split`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say
from mvd.errors import counted
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Split:
    """Split own pictures by identity: training, validation, test."""

    data: Annotated[Positional[Path], arg(metavar="DATA")]
    """folder or CSV table of own pictures"""
    train: float = 0.5
    """share of the identities for training"""
    validation: float = 0.1
    """share of the identities that choose the best weights; the rest is the test set"""
    seed: int = 0
    """seed of the random choice"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.data.split import split

        done = split(**vars(self))
        left_out = f"; left out, seen in one modality only: {done.left_out}" if done.left_out else ""
        say(
            console,
            f"{done.data}: {counted(done.train, 'person')} to train on, {done.validation} to validate on, {done.test} "
            f"to test on{left_out}",
            f"next: {shell_words('mvd', 'prepare', done.data)}",
        )
        return 0
