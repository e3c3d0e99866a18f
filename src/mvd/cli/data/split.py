"""`mvd split`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from mvd.cli.screen import say
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Split:
    """Split own pictures by identity: training, validation, test."""

    data: Positional[Path]
    """folder, or CSV table"""
    train: float = 0.5
    """share of the identities to train on"""
    validation: float = 0.1
    """share of the identities to choose the best weights by; the rest is for the test"""
    seed: int = 0
    """decides who goes where"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.data.split import split

        done = split(**vars(self))
        left_out = f"; {done.left_out} seen in one modality only are left out" if done.left_out else ""
        say(
            console,
            f"{done.data}: {done.train} people to train on, {done.validation} to validate on, {done.test} to test on"
            + left_out,
            f"next: {shell_words('mvd', 'prepare', done.data)}",
        )
        return 0
