"""`mvd synth`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from rich.console import Console
from tyro.conf import Positional, arg

from mvd.cli.screen import say
from mvd.config.difficulty import Difficulty
from mvd.errors import counted
from mvd.files.names import shell_words


@dataclass(frozen=True, kw_only=True)
class Synth:
    """Render people as a data set, visible and infrared."""

    out: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """folder to create"""
    layout: Literal["sysu", "regdb", "llcm", "folder", "csv"] | None = None
    """files and cameras of SYSU-MM01 (the default), RegDB (thermal) or LLCM; or own pictures, in folders or a table"""
    like: Literal["sysu-mm01", "regdb", "llcm"] | None = None
    """layout and numbers of a real data set (45,863, 8240 or 46,767 pictures), instead of the four numbers below"""
    train: int = 64
    """training identities"""
    validation: int | None = None
    """validation identities; by default 12, in RegDB's and LLCM's layouts 0"""
    test: int = 24
    """test identities"""
    pictures: int = 8
    """pictures of each identity by each camera, in each modality"""
    height: int | None = None
    """mean height of the pictures in pixels; by default 240, or 128 in RegDB's layout"""
    seed: int = 0
    """seed of the people and of everything else"""
    difficulty: Difficulty = field(default_factory=Difficulty)
    thermal: bool = False
    """infrared cameras record thermal radiation instead of the near infrared"""
    varied: bool = False
    """people, places and boxes of the widest variety, each picture by a camera of its own; layout csv or folder"""
    workers: int = 0
    """processes; 0: one per core"""
    sheet: Path | None = None
    """also write a contact sheet to this picture file: people in rows, cameras in columns"""

    def __call__(self, console: Console) -> int:
        """Run the command."""
        from mvd.commands.data.synth import synth
        from mvd.reporting.terminal.progress import counting_bar

        with counting_bar(console, "rendering") as bar:
            rendered = synth(**vars(self), progress=bar)
        say(
            console,
            f"{rendered.data}: {counted(rendered.pictures, 'picture')} of {counted(rendered.people, 'person')}",
            f"next: {shell_words('mvd', 'prepare', rendered.data)}",
        )
        return 0
